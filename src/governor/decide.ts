import type { Candidate, Submodel } from '../matlm/submodel';
import { allowanceOf, WINDOW_MS } from './dutyCycle';
import type { Expectations } from './expectation';
import { hasTimeToSpare, type Machine } from './machine';
import type { CursorContext } from './place';
import { describeMoment, explain, overAllowance } from './reason';
import type { GovernorSettings } from './settings';
import { dueMs, latencyBudgetMs, type Rhythm, type Situation, situationOf } from './situation';
import { expectedCharacters, price, quality } from './value';

/** What the choice depends on. */
export interface Snapshot extends CursorContext, Rhythm {
  /** By the syntax of the place a block is wanted, not the rest of a line. */
  readonly block: boolean;
  /** Prompt tokens that the cache does not hold. */
  readonly newPromptTokens: number;
  /** Prompt tokens in the cache that a submodel read which leaves layers out: the others read them again. */
  readonly halfReadTokens: number;
  readonly machine: Machine;
  /** Share of the duty cycle's window in which the engine worked, 0 to 1. */
  readonly engineShare: number;
  readonly nowMs: number;
  /** What was chosen last in each situation. */
  readonly previous: Readonly<Partial<Record<Situation, Choice>>>;
}

/** A choice, since when it holds, and under what power, heat and wish to save. */
export interface Choice {
  readonly submodel: string;
  readonly sinceMs: number;
  readonly conditions: string;
}

/** Speculative decoding: who drafts, and how many tokens at once at most; none where it is 0. */
export interface Draft {
  /** FFN widths of the submodel that drafts; empty where only the context is copied from. */
  readonly widths: readonly number[];
  readonly maxTokens: number;
}

/** How a completion is to be made. */
export interface Decision {
  readonly submodel: Submodel;
  readonly draft: Draft;
  /** To wait before the decode begins: another key within it costs nothing. */
  readonly delayMs: number;
  readonly maxTokens: number;
  readonly multiline: boolean;
  /** While it is read, decode what may be shown after it: most of that never is. */
  readonly speculateNext: boolean;
  readonly situation: Situation;
  /** For a person to read. */
  readonly reason: string;
}

/** No completion is made here. */
export interface Declined {
  readonly submodel: undefined;
  /** The submodel that would have been taken; none if the choice did not come to submodels. */
  readonly considered?: Submodel;
  /** Read the prompt nevertheless, because the pause that may follow would have to wait for it. */
  readonly readAhead?: boolean;
  readonly reason: string;
}

/** What there is to choose between, and what it costs. */
export interface Costs {
  /** Cheapest first, XL last. */
  readonly candidates: readonly Candidate[];
  /** Cheaper than all candidates, and worse; undefined if there is none that is good enough. */
  readonly lastResort?: Candidate | undefined;
  /** Any submodel of the checkpoint by its name. */
  named(name: string): Candidate;
  /** Milliseconds; undefined where nothing was measured. */
  predictMs(submodel: Submodel, promptTokens: number, newTokens: number): number | undefined;
}

/** In a pause the prompt is read within so long, or else it is read ahead, because the first answer waits for it. */
const FIRST_READ_MS = 150;
/** Reading ahead is bounded by a multiple of the allowance, because a declined request would otherwise save nothing. */
const USABLE_FOR_READ_AHEAD = 2;
/** A submodel that was chosen stays at least so long ... */
export const DWELL_MS = 1500;
/** ... and goes for one that is worth so much more, in parts of what the request is expected to bring. */
const SWITCH_MARGIN = 0.05;
/** A prompt that has to be read anew serves the requests after it too: they share its price. */
const MAX_PRICED_PROMPT_TOKENS = 16;
/**
 * How much of the engine's allowance may be used up once a request is answered. What typing leaves is there for the pause
 * that comes next; a pause and a request by hand are always answered.
 */
const USABLE_AT_START = 1;
const USABLE_WHILE_TYPING = 0.95;
/** A request that does not pay its price comes last: it waits for the hand to rest from here on, ... */
const USABLE_AT_ONCE_IF_DEAR = 0.75;
/** ... and is declined from here on. */
const USABLE_IF_DEAR = 0.9;
/** From here on the last resort answers, which takes half of the time. */
const USABLE_BY_CANDIDATES = 0.75;
/** Work that nobody asked for leaves more of it. */
const USABLE_FOR_SPECULATION = 0.5;
const MAX_DRAFT_TOKENS = 8;
const LINE_TOKENS = 40;
const BLOCK_TOKENS = 96;

/** Whether, when and by which submodel a completion is made: docs/governor.md has the rules in words. */
export function decide(
  snapshot: Snapshot,
  costs: Costs,
  history: Expectations,
  settings: GovernorSettings,
): Decision | Declined {
  const { machine, gapMs, explicit, engineShare } = snapshot;
  if (settings.manualOnly && !explicit) return declined('the settings say: only when asked by hand');
  const situation = situationOf(snapshot);
  const multiline = snapshot.block && (situation === 'pause' || situation === 'asked');
  const allowance = allowanceOf(machine);
  const decision = (submodel: Submodel, delayMs: number, reason: string): Decision => ({
    submodel,
    draft: { widths: submodel.draftWidths, maxTokens: MAX_DRAFT_TOKENS },
    delayMs,
    maxTokens: multiline ? BLOCK_TOKENS : LINE_TOKENS,
    multiline,
    speculateNext: hasTimeToSpare(machine) && engineShare < USABLE_FOR_SPECULATION * allowance.share,
    situation,
    reason,
  });
  if (settings.submodel !== 'auto') {
    return decision(costs.named(settings.submodel).submodel, 0, `${settings.submodel} is fixed in the settings`);
  }

  const budgetMs = latencyBudgetMs(snapshot, situation, settings);
  const answerMs = ({ submodel }: Candidate, passes: number) =>
    costs.predictMs(submodel, unreadBy(submodel, snapshot), passes) ?? Infinity;
  const here = history.expect(snapshot);
  const typical = situation === 'typing' ? history.expectInLine() : here;
  /** Whether the engine stays within such a part of its allowance with a request. */
  const isWithin = (part: number, candidate: Candidate) =>
    engineShare + answerMs(candidate, here.passes) / WINDOW_MS <= part * allowance.share;
  const ordinary = allowedBy(snapshot, costs, settings);
  const [cheapest] = ordinary;
  if (!cheapest) throw new Error('there is no submodel to choose');
  const isStrained = !explicit && !isWithin(USABLE_BY_CANDIDATES, cheapest);
  const allowed = isStrained && costs.lastResort ? [costs.lastResort] : ordinary;
  const quickest = allowed[0] ?? cheapest;
  if (answerMs(quickest, here.passes) === Infinity) {
    const { submodel } = quickest;
    return decision(
      submodel,
      0,
      `${describeMoment(snapshot, situation)}: ${submodel.name}, because no cost was measured yet`,
    );
  }
  const inTime = orCheapest(
    allowed.filter((candidate) => answerMs(candidate, typical.passes) <= budgetMs),
    quickest,
  );
  const chosenFor = (candidate: Candidate, delayMs = 0) => {
    const reason = explain(snapshot, situation, candidate, answerMs(candidate, here.passes), budgetMs);
    return decision(candidate.submodel, delayMs, delayMs > 0 ? `${reason}, after ${delayMs} ms without a key` : reason);
  };
  if (explicit) return chosenFor(inTime.at(-1) ?? quickest);

  const pays = (candidate: Candidate, gap: number | undefined) =>
    expectedCharacters(here, gap) * quality(candidate) > priceOf(candidate.submodel, here.passes, snapshot, costs);
  const usable = usablePart(situation, pays(quickest, undefined));
  const affordable = inTime.filter((candidate) => isWithin(usable, candidate));
  if (affordable.length === 0 && situation !== 'pause') {
    const reason = overAllowance(allowance, describeMoment(snapshot, situation));
    // The time for the decode does not count, because reading ahead does not save it.
    const readAhead = answerMs(quickest, 0) > FIRST_READ_MS && engineShare < USABLE_FOR_READ_AHEAD * allowance.share;
    return { ...declined(reason), considered: quickest.submodel, readAhead };
  }

  const worth = (candidate: Candidate) =>
    expectedCharacters(typical, gapMs) * quality(candidate) -
    priceOf(candidate.submodel, typical.passes, snapshot, costs);
  const previous = snapshot.previous[situation];
  const chosen = choose(
    orCheapest(affordable, quickest),
    worth,
    SWITCH_MARGIN * expectedCharacters(typical, gapMs),
    previous?.conditions === conditionsOf(machine) ? previous : undefined,
    snapshot.nowMs,
  );
  if (pays(chosen, gapMs) || isWithin(USABLE_AT_ONCE_IF_DEAR, chosen)) return chosenFor(chosen);
  // Wait as long as the answer can still come before the next key is due.
  const untilDueMs = Math.min(budgetMs, dueMs(gapMs)) - answerMs(chosen, here.passes);
  return chosenFor(chosen, Math.max(0, Math.floor(untilDueMs)));
}

function orCheapest(candidates: readonly Candidate[], cheapest: Candidate): readonly Candidate[] {
  return candidates.length > 0 ? candidates : [cheapest];
}

/** The part of the allowance that may be used up once a request of this kind is answered. */
function usablePart(situation: Situation, pays: boolean): number {
  if (situation !== 'typing') return USABLE_AT_START;
  return pays ? USABLE_WHILE_TYPING : USABLE_IF_DEAR;
}

/** What it takes of a submodel to decode at a place in so many passes, in characters that it has to bring. */
export function priceOf(submodel: Submodel, passes: number, snapshot: Snapshot, costs: Costs): number {
  const { machine } = snapshot;
  const promptTokens = Math.min(unreadBy(submodel, snapshot), MAX_PRICED_PROMPT_TOKENS);
  return (price(machine) / 1000) * (costs.predictMs(submodel, promptTokens, passes) ?? Infinity);
}

/** Prompt tokens that a submodel would have to read. */
function unreadBy({ widths }: Submodel, { newPromptTokens, halfReadTokens }: Snapshot): number {
  return widths.includes(0) ? newPromptTokens : newPromptTokens + halfReadTokens;
}

/** The conditions under which a choice was made: where they change, it is made anew at once. */
export function conditionsOf({ powerSource, lowPower, thermal }: Machine): string {
  return `${powerSource}, ${String(lowPower)}, ${thermal}`;
}

/** On battery none above the user's cap; the cheapest always. */
function allowedBy({ machine }: Snapshot, costs: Costs, { batteryCap }: GovernorSettings): readonly Candidate[] {
  const { candidates } = costs;
  if (machine.powerSource !== 'battery' || batteryCap === undefined) return candidates;
  const most = costs.named(batteryCap).bytesPerToken;
  const within = candidates.filter(({ bytesPerToken }) => bytesPerToken <= most);
  return within.length > 0 ? within : candidates.slice(0, 1);
}

/** The candidate of most worth; the one before where it is hardly worse, or was chosen a moment ago. */
function choose(
  candidates: readonly Candidate[],
  worth: (candidate: Candidate) => number,
  margin: number,
  previous: Choice | undefined,
  nowMs: number,
): Candidate {
  const best = candidates.reduce((a, b) => (worth(b) > worth(a) ? b : a));
  const before = candidates.find(({ submodel }) => submodel.name === previous?.submodel);
  if (!before || !previous) return best;
  return nowMs - previous.sinceMs < DWELL_MS || worth(best) - worth(before) < margin ? before : best;
}

function declined(reason: string): Declined {
  return { submodel: undefined, reason };
}
