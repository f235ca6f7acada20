import type { Candidate, Submodel } from '../matlm/submodel';
import type { Expectation } from './history';
import { hasTimeToSpare, isBusy, isHot, type Machine } from './machine';
import type { CursorContext } from './place';
import type { GovernorSettings } from './settings';
import { expectedCharacters, price, quality } from './value';

/** What the choice depends on. */
export interface Snapshot extends CursorContext {
  /** The user asked for a completion by hand. */
  readonly explicit: boolean;
  /** Median gap between keys, undefined where nobody is typing. */
  readonly gapMs: number | undefined;
  /** How likely the hand pauses here, 0 to 1. */
  readonly pauseChance: number;
  /** By the syntax of the place a block is wanted, not the rest of a line. */
  readonly block: boolean;
  /** Prompt tokens that the cache does not hold. */
  readonly newPromptTokens: number;
  readonly machine: Machine;
  readonly nowMs: number;
  /** What was chosen last in each situation. */
  readonly previous: Readonly<Partial<Record<Situation, Choice>>>;
}

/** Of the moment, what its situation follows from. */
type Rhythm = Pick<Snapshot, 'explicit' | 'gapMs' | 'place' | 'pauseChance'>;

/** The choices of one kind of moment stay together: a line's head may get a larger submodel than its middle. */
export type Situation = 'asked' | 'pause' | 'start' | 'typing';

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

/** No completion is worth making here. */
export interface Declined {
  readonly submodel: undefined;
  /** The best of those that were not worth it; none where the choice did not come to submodels. */
  readonly considered?: Submodel;
  readonly reason: string;
}

/** What there is to choose between, and what it costs. */
export interface Costs {
  /** Cheapest first, XL last. */
  readonly candidates: readonly Candidate[];
  /** Any submodel of the checkpoint by its name. */
  named(name: string): Candidate;
  /** Milliseconds; undefined where nothing was measured. */
  predictMs(submodel: Submodel, promptTokens: number, newTokens: number): number | undefined;
}

/** What suggestions have come to. */
export interface Expectations {
  expect(context: CursorContext): Expectation;
  /** Over all places in the middle of a line. */
  expectInLine(): Expectation;
  /** Requests declined at a place since the last that was not. */
  declinedInARow(context: CursorContext): number;
}

/** What the editor waits after a key before it asks. */
const EDITOR_DEBOUNCE_MS = 50;
/** In a pause nobody notices less, and more begins to feel slow. */
const PAUSE_BUDGET_MS = 200;
const EXPLICIT_BUDGET_MS = 1000;
const MIN_BUDGET_MS = 8;
/** A submodel that was chosen stays at least so long ... */
export const DWELL_MS = 1500;
/** ... and goes for one that is worth so much more, in parts of what the request is expected to bring. */
const SWITCH_MARGIN = 0.05;
/** From here on a pause is likely enough to count on. */
const LIKELY_PAUSE = 0.45;
/** A prompt that has to be read anew serves the requests after it too: they share its price. */
const MAX_PRICED_PROMPT_TOKENS = 16;
/** A place where nothing pays is tried again after so many requests. */
const TRY_AGAIN_AFTER = 24;
const MAX_DRAFT_TOKENS = 8;
const LINE_TOKENS = 40;
const BLOCK_TOKENS = 96;

/** Whether, when and by which submodel a completion is worth making: docs/governor.md has the rules in words. */
export function decide(
  snapshot: Snapshot,
  costs: Costs,
  history: Expectations,
  settings: GovernorSettings,
): Decision | Declined {
  if (settings.manualOnly && !snapshot.explicit) return declined('the settings say: only when asked by hand');
  const situation = situationOf(snapshot);
  const multiline = snapshot.block && mayBeSeveralLines(snapshot);
  const decision = (submodel: Submodel, delayMs: number, reason: string): Decision => ({
    submodel,
    draft: { widths: submodel.draftWidths, maxTokens: MAX_DRAFT_TOKENS },
    delayMs,
    maxTokens: multiline ? BLOCK_TOKENS : LINE_TOKENS,
    multiline,
    speculateNext: hasTimeToSpare(snapshot.machine),
    situation,
    reason,
  });
  if (settings.submodel !== 'auto') {
    return decision(costs.named(settings.submodel).submodel, 0, `${settings.submodel} is fixed in the settings`);
  }

  const budgetMs = budgetOf(snapshot, situation, settings);
  const answerMs = ({ submodel }: Candidate, passes: number) =>
    costs.predictMs(submodel, snapshot.newPromptTokens, passes);
  const here = history.expect(snapshot);
  const typical = situation === 'typing' ? history.expectInLine() : here;
  const allowed = allowedBy(snapshot, costs, settings);
  const quickest = allowed[0];
  if (!quickest) throw new Error('there is no submodel to choose');
  if (answerMs(quickest, here.passes) === undefined) {
    return decision(
      quickest.submodel,
      0,
      `${why(snapshot, situation)}: ${quickest.submodel.name}, for no cost was measured yet`,
    );
  }
  const inTime = allowed.filter((candidate) => (answerMs(candidate, typical.passes) ?? Infinity) <= budgetMs);
  if (snapshot.explicit) {
    const largest = inTime.at(-1) ?? quickest;
    return decision(
      largest.submodel,
      0,
      explain(snapshot, situation, largest, answerMs(largest, here.passes), budgetMs),
    );
  }

  const worth = (candidate: Candidate) =>
    expectedCharacters(typical, snapshot.gapMs) * quality(candidate) -
    priceOf(candidate.submodel, typical.passes, snapshot, costs);

  const previous = snapshot.previous[situation];
  const chosen = choose(
    inTime.length > 0 ? inTime : [quickest],
    worth,
    SWITCH_MARGIN * expectedCharacters(typical, snapshot.gapMs),
    previous?.conditions === conditionsOf(snapshot.machine) ? previous : undefined,
    snapshot.nowMs,
  );
  const ms = answerMs(chosen, here.passes) ?? 0;
  const pays = (gapMs: number | undefined) =>
    expectedCharacters(here, gapMs) * quality(chosen) > priceOf(chosen.submodel, here.passes, snapshot, costs);
  if (!pays(undefined) && history.declinedInARow(snapshot) < TRY_AGAIN_AFTER) {
    const nothing = `what ${chosen.submodel.name} would add is not worth its time`;
    return { ...declined(`${why(snapshot, situation)}, ${snapshot.place}: ${nothing}`), considered: chosen.submodel };
  }
  // Where it pays in a pause alone, wait as long as the answer can still come before the next key is due.
  const delayMs = pays(snapshot.gapMs) ? 0 : Math.max(0, Math.floor(Math.min(budgetMs, dueMs(snapshot.gapMs)) - ms));
  const reason = explain(snapshot, situation, chosen, ms, budgetMs);
  return decision(chosen.submodel, delayMs, delayMs > 0 ? `${reason}, after ${delayMs} ms without a key` : reason);
}

/** What it takes of a submodel to decode at a place in so many passes, in characters that it has to bring. */
export function priceOf(
  submodel: Submodel,
  passes: number,
  { machine, newPromptTokens }: Snapshot,
  costs: Costs,
): number {
  const promptTokens = Math.min(newPromptTokens, MAX_PRICED_PROMPT_TOKENS);
  return (price(machine) / 1000) * (costs.predictMs(submodel, promptTokens, passes) ?? Infinity);
}

/** The conditions under which a choice was made: where they change, it is made anew at once. */
export function conditionsOf({ powerSource, lowPower, thermal }: Machine): string {
  return `${powerSource}, ${String(lowPower)}, ${thermal}`;
}

/** Whether several lines are allowed here at all, should the syntax of the place want a block. */
export function mayBeSeveralLines(moment: Rhythm): boolean {
  const situation = situationOf(moment);
  return situation !== 'typing' && situation !== 'start';
}

function situationOf({ explicit, gapMs, place, pauseChance }: Rhythm): Situation {
  if (explicit) return 'asked';
  const isStart = place === 'block start' || place === 'line start';
  if (gapMs === undefined || (isStart && pauseChance >= LIKELY_PAUSE)) return 'pause';
  return isStart ? 'start' : 'typing';
}

function budgetOf({ gapMs }: Snapshot, situation: Situation, settings: GovernorSettings): number {
  if (situation === 'asked') return EXPLICIT_BUDGET_MS;
  if (settings.latencyBudgetMs !== undefined) return settings.latencyBudgetMs;
  if (situation === 'pause' || gapMs === undefined) return PAUSE_BUDGET_MS;
  return dueMs(gapMs);
}

/** How long after the editor's request the next key is due at this pace; 0 in a pause, when it may come at any time. */
function dueMs(gapMs: number | undefined): number {
  return gapMs === undefined ? 0 : Math.max(MIN_BUDGET_MS, gapMs - EDITOR_DEBOUNCE_MS);
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

function why({ gapMs, place }: Snapshot, situation: Situation): string {
  if (situation === 'asked') return 'asked for by hand';
  if (gapMs === undefined) return 'a pause in typing';
  const pace = `typing at ${Math.round(gapMs)} ms a key`;
  return situation === 'typing' ? pace : `${pace}, ${place}`;
}

function explain(
  snapshot: Snapshot,
  situation: Situation,
  { submodel }: Candidate,
  answerMs: number | undefined,
  budgetMs: number,
): string {
  const { machine } = snapshot;
  const dear = [
    machine.powerSource === 'battery' && 'on battery',
    machine.lowPower === true && 'saving power',
    isHot(machine) && 'hot',
    isBusy(machine) && (isBusy({ ...machine, runsOnGpu: false }) ? 'busy processor' : 'busy GPU'),
  ].filter((text) => text !== false);
  const ms = answerMs ?? 0;
  const answer = `${submodel.name} answers in about ${Math.max(1, Math.round(ms))} ms`;
  return (
    [why(snapshot, situation), ...dear].join(', ') + `: ${answer}${ms <= budgetMs ? '' : ', late, but none is faster'}`
  );
}
