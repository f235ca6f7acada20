import type { CodePlace } from './place';
import type { GovernorSettings } from './settings';

/** Kinds of requests. Each has its own last choice, because the start of a line may get a larger submodel than its middle. */
export type Situation = 'asked' | 'pause' | 'start' | 'typing';

/** The input of `situationOf`. */
export interface Rhythm {
  /** The user asked for a completion by hand. */
  readonly explicit: boolean;
  /** Median gap between keys; undefined in a pause. */
  readonly gapMs: number | undefined;
  readonly place: CodePlace;
  /** The probability of a pause here, 0 to 1. */
  readonly pauseChance: number;
}

/** The delay of VS Code after a change before it requests a suggestion. The next change cancels the request. */
export const EDITOR_DEBOUNCE_MS = 50;
/** In a pause, a shorter latency is not noticed, and a longer one feels slow. */
const PAUSE_BUDGET_MS = 200;
const EXPLICIT_BUDGET_MS = 1000;
const MIN_BUDGET_MS = 8;
/** A start of a line or block counts as a pause from this probability on. */
const LIKELY_PAUSE = 0.45;

export function situationOf({ explicit, gapMs, place, pauseChance }: Rhythm): Situation {
  if (explicit) return 'asked';
  const isStart = place === 'block start' || place === 'line start';
  if (gapMs === undefined || (isStart && pauseChance >= LIKELY_PAUSE)) return 'pause';
  return isStart ? 'start' : 'typing';
}

/** Whether several lines are allowed if the syntax of the place wants a block. */
export function mayBeSeveralLines(moment: Rhythm): boolean {
  const situation = situationOf(moment);
  return situation !== 'typing' && situation !== 'start';
}

/** Milliseconds that an answer may take. */
export function latencyBudgetMs(rhythm: Pick<Rhythm, 'gapMs'>, situation: Situation, settings: GovernorSettings) {
  return Math.min(ownBudgetMs(rhythm, situation, settings), settings.latencyCapMs ?? Infinity);
}

function ownBudgetMs({ gapMs }: Pick<Rhythm, 'gapMs'>, situation: Situation, settings: GovernorSettings) {
  if (situation === 'asked') return EXPLICIT_BUDGET_MS;
  if (settings.latencyBudgetMs !== undefined) return settings.latencyBudgetMs;
  if (situation === 'pause' || gapMs === undefined) return PAUSE_BUDGET_MS;
  return dueMs(gapMs);
}

/** Milliseconds from the editor's request to the next key at this pace; 0 in a pause, when a key may come at any time. */
export function dueMs(gapMs: number | undefined): number {
  return gapMs === undefined ? 0 : Math.max(MIN_BUDGET_MS, gapMs - EDITOR_DEBOUNCE_MS);
}
