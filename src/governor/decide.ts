import { SIZES, type Size } from '../matlm/submodel';

/** What the choice depends on. */
export interface Snapshot {
  /** The user asked for a completion by hand. */
  readonly explicit: boolean;
  /** Median gap between keys, undefined where nobody is typing. */
  readonly gapMs: number | undefined;
  /** The size of the completion before. */
  readonly previous: Size | undefined;
  /** Prompt tokens that the cache does not hold. */
  readonly newPromptTokens: number;
  /** The cursor stands at the end of its line, so more than one line may follow. */
  readonly atLineEnd: boolean;
}

export interface Decision {
  readonly size: Size;
  readonly maxTokens: number;
  readonly multiline: boolean;
  /** For a person to read. */
  readonly reason: string;
}

/** Predicted milliseconds of a size; undefined where it was never measured. */
export type Predict = (size: Size, promptTokens: number, newTokens: number) => number | undefined;

/** What the editor waits after a key before it asks. */
const EDITOR_DEBOUNCE_MS = 50;
/** In a pause nobody notices less, and more begins to feel slow. */
const PAUSE_BUDGET_MS = 200;
const EXPLICIT_BUDGET_MS = 1000;
const MIN_BUDGET_MS = 8;
/** A line of code, about. */
const EXPECTED_TOKENS = 12;
/** A larger size than before must fit this much better, so that the size does not flicker. */
const STEP_UP_MARGIN = 0.8;

/**
 * Choose the largest size whose answer lands before the next key.
 * @param setting a size the user fixed, or auto
 */
export function decide(snapshot: Snapshot, predict: Predict, setting: Size | 'auto'): Decision {
  const multiline = snapshot.atLineEnd && (snapshot.explicit || snapshot.gapMs === undefined);
  const length = { multiline, maxTokens: multiline ? 96 : 40 };
  if (setting !== 'auto') return { ...length, size: setting, reason: `${setting} is fixed in the settings` };

  const budgetMs = snapshot.explicit
    ? EXPLICIT_BUDGET_MS
    : snapshot.gapMs === undefined
      ? PAUSE_BUDGET_MS
      : Math.max(MIN_BUDGET_MS, snapshot.gapMs - EDITOR_DEBOUNCE_MS);
  const predicted = (size: Size) => predict(size, snapshot.newPromptTokens, EXPECTED_TOKENS) ?? Infinity;
  const fits = (size: Size) => {
    const isStepUp = snapshot.previous !== undefined && SIZES.indexOf(size) > SIZES.indexOf(snapshot.previous);
    const held = isStepUp && snapshot.gapMs !== undefined;
    return predicted(size) <= budgetMs * (held ? STEP_UP_MARGIN : 1);
  };
  const size = SIZES.findLast(fits) ?? 'S';
  return { ...length, size, reason: reason(snapshot, size, predicted(size), budgetMs) };
}

function reason(snapshot: Snapshot, size: Size, predictedMs: number, budgetMs: number): string {
  const why = snapshot.explicit
    ? 'asked for by hand'
    : snapshot.gapMs === undefined
      ? 'a pause in typing'
      : `typing at ${Math.round(snapshot.gapMs)} ms a key`;
  if (!Number.isFinite(predictedMs)) return `${why}: ${size}, for no cost was measured yet`;
  const answer = `${size} answers in about ${Math.max(1, Math.round(predictedMs))} ms`;
  return predictedMs <= budgetMs ? `${why}: ${answer}` : `${why}: ${answer}, late, but no size is faster`;
}
