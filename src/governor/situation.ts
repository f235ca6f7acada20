import type { CodePlace } from './place';
import type { GovernorSettings } from './settings';

/** The choices of one kind of moment stay together: a line's head may get a larger submodel than its middle. */
export type Situation = 'asked' | 'pause' | 'start' | 'typing';

/** What the situation of a moment follows from. */
export interface Rhythm {
  /** The user asked for a completion by hand. */
  readonly explicit: boolean;
  /** Median gap between keys, undefined if nobody is typing. */
  readonly gapMs: number | undefined;
  readonly place: CodePlace;
  /** How likely the hand pauses here, 0 to 1. */
  readonly pauseChance: number;
}

/** What the editor waits after a key before it asks. */
const EDITOR_DEBOUNCE_MS = 50;
/** In a pause nobody notices less, and more begins to feel slow. */
const PAUSE_BUDGET_MS = 200;
const EXPLICIT_BUDGET_MS = 1000;
const MIN_BUDGET_MS = 8;
/** From here on a pause is likely enough to count on. */
const LIKELY_PAUSE = 0.45;

export function situationOf({ explicit, gapMs, place, pauseChance }: Rhythm): Situation {
  if (explicit) return 'asked';
  const isStart = place === 'block start' || place === 'line start';
  if (gapMs === undefined || (isStart && pauseChance >= LIKELY_PAUSE)) return 'pause';
  return isStart ? 'start' : 'typing';
}

/** Whether several lines are allowed here at all, should the syntax of the place want a block. */
export function mayBeSeveralLines(moment: Rhythm): boolean {
  const situation = situationOf(moment);
  return situation !== 'typing' && situation !== 'start';
}

/** Milliseconds that an answer may take. */
export function latencyBudgetMs({ gapMs }: Pick<Rhythm, 'gapMs'>, situation: Situation, settings: GovernorSettings) {
  if (situation === 'asked') return EXPLICIT_BUDGET_MS;
  if (settings.latencyBudgetMs !== undefined) return settings.latencyBudgetMs;
  if (situation === 'pause' || gapMs === undefined) return PAUSE_BUDGET_MS;
  return dueMs(gapMs);
}

/** How long after the editor's request the next key is due at this pace; 0 in a pause, when it may come at any time. */
export function dueMs(gapMs: number | undefined): number {
  return gapMs === undefined ? 0 : Math.max(MIN_BUDGET_MS, gapMs - EDITOR_DEBOUNCE_MS);
}
