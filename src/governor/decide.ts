import { type Phrase, phrase } from '../localisation/phrase';
import type { Candidate, Submodel } from '../matlm/submodel';
import { allowanceOf, WINDOW_MS } from './dutyCycle';
import type { Expectations } from './expectation';
import { hasTimeToSpare, type Machine } from './machine';
import { isSure, type Match } from './match';
import type { CursorContext } from './place';
import { describeMoment, explain, overAllowance } from './reason';
import type { GovernorSettings } from './settings';
import { dueMs, latencyBudgetMs, type Rhythm, type Situation, situationOf } from './situation';
import { expectedCharacters, price, quality } from './value';

/** The input of a decision. */
export interface Snapshot extends CursorContext, Rhythm {
  /** By its syntax, the place wants a block, not the rest of a line. */
  readonly block: boolean;
  /** Number of tokens of its prompt that a submodel would have to prefill. */
  readonly unreadBy: (submodel: Submodel) => number;
  /** The longest match of the text before the cursor in the memory; missing if it was not looked up. */
  readonly match?: Match | undefined;
  readonly machine: Machine;
  /** Share of the duty cycle's window in which the engine worked, 0 to 1. */
  readonly engineShare: number;
  readonly nowMs: number;
  /** The last choice in each situation. */
  readonly previous: Readonly<Partial<Record<Situation, Choice>>>;
}

/** A chosen submodel, when it was chosen, and the conditions of power and heat then. */
export interface Choice {
  readonly submodel: string;
  readonly sinceMs: number;
  readonly conditions: string;
}

/** Speculative decoding, as the engine takes it. */
export interface Drafting {
  /** FFN widths of the submodel that drafts; empty to draft after earlier matches only. */
  readonly widths: readonly number[];
  /** Number of tokens drafted at once; 0 for none. */
  readonly maxTokens: number;
}

/** How to decode a completion. */
export interface Decision {
  readonly submodel: Submodel;
  readonly speculation: Drafting;
  /** The wait before the decode. A key during the wait costs nothing. */
  readonly delayMs: number;
  readonly maxTokens: number;
  readonly multiline: boolean;
  /** Whether to decode ahead while the user reads the suggestion. Most of that work is never shown. */
  readonly speculateNext: boolean;
  readonly situation: Situation;
  readonly reason: Phrase;
}

/** A decision against a completion. */
export interface Declined {
  readonly submodel: undefined;
  /** The best submodel, if any were compared. */
  readonly considered?: Submodel;
  /** Prefill the prompt nevertheless, because the first answer in a pause would have to wait for it. */
  readonly readAhead?: boolean;
  readonly reason: Phrase;
}

/** The submodels to choose from, and their costs. */
export interface Costs {
  /** Cheapest first. */
  readonly candidates: readonly Candidate[];
  /** Cheaper than all candidates, and worse; undefined if none is good enough. */
  readonly lastResort?: Candidate | undefined;
  /** Whether a model in use has a submodel of that name. */
  has(name: string): boolean;
  /** Any submodel of the models in use. */
  named(name: string): Candidate;
  /** Milliseconds; undefined if nothing was measured. */
  predictMs(submodel: Submodel, promptTokens: number, newTokens: number): number | undefined;
}

/** If the prefill in a pause would take longer, the prompt is read ahead. */
const FIRST_READ_MS = 150;
/** Reading ahead is bounded by a multiple of the allowance. Without a bound it would spend the time that declining saves. */
const USABLE_FOR_READ_AHEAD = 2;
/** A chosen submodel is kept for this time at least. */
export const DWELL_MS = 1500;
/** After that it is replaced if another is worth more by this share of the expected characters. */
const SWITCH_MARGIN = 0.05;
/** Limits the price of a long prefill, because later requests profit from it too. */
const MAX_PRICED_PROMPT_TOKENS = 16;
/**
 * Shares of the engine's allowance that may be used once a request is answered. Typing leaves a rest for the next pause. A
 * pause and a request by hand are always answered.
 */
const USABLE_AT_START = 1;
const USABLE_WHILE_TYPING = 0.95;
/** Above this share, a request that does not pay its price is delayed until the user pauses. */
const USABLE_AT_ONCE_IF_DEAR = 0.75;
/** Above this share, such a request is declined. */
const USABLE_IF_DEAR = 0.9;
/** Above this share, the last resort answers, in half of the time. */
const USABLE_BY_CANDIDATES = 0.75;
/** Work that no request waits for leaves more of the allowance. */
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
  if (settings.manualOnly && !explicit)
    return declined(phrase('the settings allow suggestions only when asked by hand'));
  const situation = situationOf(snapshot);
  const multiline = snapshot.block && (situation === 'pause' || situation === 'asked');
  const allowance = allowanceOf(machine);
  const decision = (submodel: Submodel, delayMs: number, reason: Phrase): Decision => ({
    submodel,
    speculation: { widths: submodel.draftWidths, maxTokens: MAX_DRAFT_TOKENS },
    delayMs,
    maxTokens: multiline ? BLOCK_TOKENS : LINE_TOKENS,
    multiline,
    speculateNext: hasTimeToSpare(machine) && engineShare < USABLE_FOR_SPECULATION * allowance.share,
    situation,
    reason,
  });
  const isFixed = settings.submodel !== 'auto';
  // Without it, the model of a fixed submodel is not loaded, and the others answer meanwhile.
  if (isFixed && costs.has(settings.submodel)) {
    return decision(
      costs.named(settings.submodel).submodel,
      0,
      phrase('{0} is fixed in the settings', settings.submodel),
    );
  }

  const budgetMs = latencyBudgetMs(snapshot, situation, settings);
  const answerMs = ({ submodel }: Candidate, passes: number) =>
    costs.predictMs(submodel, snapshot.unreadBy(submodel), passes) ?? Infinity;
  const here = history.expect(snapshot);
  const typical = situation === 'typing' ? history.expectInLine() : here;
  /** Whether the engine stays within a part of its allowance, the request included. */
  const isWithin = (part: number, candidate: Candidate) =>
    engineShare + answerMs(candidate, here.passes) / WINDOW_MS <= part * allowance.share;
  const isKnown = !explicit && isSure(snapshot.match);
  const [cheapest, ...larger] = allowedBy(snapshot, costs, settings);
  if (!cheapest) throw new Error('the checkpoint has no submodel to choose');
  const ordinary = isKnown ? [cheapest] : [cheapest, ...larger];
  const isStrained = !explicit && !isWithin(USABLE_BY_CANDIDATES, cheapest);
  const allowed = isStrained && costs.lastResort ? [costs.lastResort] : ordinary;
  const quickest = allowed[0] ?? cheapest;
  if (answerMs(quickest, here.passes) === Infinity) {
    const { submodel } = quickest;
    return decision(
      submodel,
      0,
      phrase('{0}: {1}, because no cost has been measured yet', describeMoment(snapshot, situation), submodel.name),
    );
  }
  const inTime = orCheapest(
    allowed.filter((candidate) => answerMs(candidate, typical.passes) <= budgetMs),
    quickest,
  );
  const chosenFor = (candidate: Candidate, delayMs = 0) => {
    const answer = explain(snapshot, situation, candidate, answerMs(candidate, here.passes), budgetMs);
    const known = isKnown ? phrase('{0}, and the workspace says how the text goes on', answer) : answer;
    const reason = isFixed ? phrase('{0}, because {1} is not loaded', known, settings.submodel) : known;
    return decision(
      candidate.submodel,
      delayMs,
      delayMs > 0 ? phrase('{0}, after {1} ms without a key', reason, delayMs) : reason,
    );
  };
  if (explicit) return chosenFor(bestOf(inTime) ?? quickest);

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
  // The longest wait after which the answer still comes before the next key is due.
  const untilDueMs = Math.min(budgetMs, dueMs(gapMs)) - answerMs(chosen, here.passes);
  return chosenFor(chosen, Math.max(0, Math.floor(untilDueMs)));
}

function orCheapest(candidates: readonly Candidate[], cheapest: Candidate): readonly Candidate[] {
  return candidates.length > 0 ? candidates : [cheapest];
}

/** The share of the allowance that may be used once a request is answered. */
function usablePart(situation: Situation, pays: boolean): number {
  if (situation !== 'typing') return USABLE_AT_START;
  return pays ? USABLE_WHILE_TYPING : USABLE_IF_DEAR;
}

/** The price of a decode in characters: it pays if it is expected to save more. */
export function priceOf(submodel: Submodel, passes: number, snapshot: Snapshot, costs: Costs): number {
  const { machine } = snapshot;
  const promptTokens = Math.min(snapshot.unreadBy(submodel), MAX_PRICED_PROMPT_TOKENS);
  return (price(machine) / 1000) * (costs.predictMs(submodel, promptTokens, passes) ?? Infinity);
}

/** The conditions of a choice. If they change, another submodel may be chosen at once. */
export function conditionsOf({ powerSource, lowPower, thermal }: Machine): string {
  return `${powerSource}, ${String(lowPower)}, ${thermal}`;
}

/** The candidate of the highest quality; of equal ones the largest. */
function bestOf(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.toSorted((a, b) => quality(a) - quality(b)).at(-1);
}

/**
 * The candidates without those above the user's cap on battery, and without those that answer on battery by hand only; at
 * least the cheapest.
 */
export function allowedBy(
  { machine, explicit }: Snapshot,
  costs: Costs,
  { batteryCap }: GovernorSettings,
): readonly Candidate[] {
  if (machine.powerSource !== 'battery') return costs.candidates;
  const candidates = costs.candidates.filter(({ isForMains }) => explicit || !isForMains);
  if (batteryCap === undefined || !costs.has(batteryCap)) return candidates;
  const most = costs.named(batteryCap).bytesPerToken;
  const within = candidates.filter(({ bytesPerToken }) => bytesPerToken <= most);
  return within.length > 0 ? within : candidates.slice(0, 1);
}

/** The candidate of most worth, or the previous one if it is hardly worse or was chosen within the dwell time. */
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

function declined(reason: Phrase): Declined {
  return { submodel: undefined, reason };
}
