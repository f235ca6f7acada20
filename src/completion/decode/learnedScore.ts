import { score } from './confidence';
import { GENERAL_WEIGHTS } from './generalScore';

/** What became of suggestions, by the score that they had: counts only, no text. */
export interface ScoreCounts {
  /** By tenth of the score: suggestions whose end is known. */
  readonly shown: readonly number[];
  /** Of them, those that became text of the document. */
  readonly right: readonly number[];
}

const BUCKETS = 10;
export const NO_SCORES: ScoreCounts = { shown: zeros(), right: zeros() };

/** Fewer outcomes say nothing. */
const LEAST_OUTCOMES = 40;

/** Above this number the counts are halved, so that they follow changes. */
const MOST_OUTCOMES = 2000;

/** The correction of the log odds: a shift and a factor. */
interface Correction {
  readonly shift: number;
  readonly factor: number;
}

/** How far the user's outcomes may move the score, whatever they are. */
const LIMITS = { shift: 1.5, leastFactor: 0.5, mostFactor: 2 };

/** The standard deviations of the correction that are expected, without any outcomes. */
const EXPECTED = { shift: 0.7, factor: 0.3 };

/**
 * The score of a model without a measured one: a general score whose log odds are shifted and scaled until they say how often
 * this user's suggestions turn out right (Platt 1999). More certain tokens never lower it, as in every score.
 */
export class LearnedScore {
  private counts: ScoreCounts;
  private corrected: readonly number[];

  /**
   * @param stored from an earlier session, or anything else
   * @param onChange gets the outcome of one suggestion as counts
   */
  constructor(
    stored: unknown = NO_SCORES,
    private readonly onChange: (outcome: ScoreCounts) => void = () => undefined,
  ) {
    this.counts = countsFrom(stored);
    this.corrected = correctedBy(correctionOf(this.counts));
  }

  /** The weights to score with now. */
  get weights(): readonly number[] {
    return this.corrected;
  }

  /** The score without the correction, under which outcomes are counted. */
  uncorrected(features: readonly number[]): number {
    return score(features, GENERAL_WEIGHTS);
  }

  /**
   * The end of a suggestion is known.
   * @param uncorrected its score without the correction, 0 to 1
   * @param isRight it became text of the document, typed or accepted
   */
  settled(uncorrected: number, isRight: boolean): void {
    if (!(uncorrected >= 0 && uncorrected <= 1)) return;
    const bucket = Math.min(BUCKETS - 1, Math.floor(uncorrected * BUCKETS));
    const one = (count: number) => zeros().map((_, i) => (i === bucket ? count : 0));
    const outcome = { shown: one(1), right: one(Number(isRight)) };
    this.counts = addScores(this.counts, outcome);
    this.corrected = correctedBy(correctionOf(this.counts));
    this.onChange(outcome);
  }

  reset(): void {
    this.counts = NO_SCORES;
    this.corrected = GENERAL_WEIGHTS;
  }
}

/** The sum, or half of it if it is large. */
export function addScores(a: ScoreCounts, b: ScoreCounts): ScoreCounts {
  const sum = (key: keyof ScoreCounts) => a[key].map((count, i) => count + (b[key][i] ?? 0));
  const added = { shown: sum('shown'), right: sum('right') };
  if (total(added.shown) <= MOST_OUTCOMES) return added;
  const half = (counts: readonly number[]) => counts.map((count) => count / 2);
  return { shown: half(added.shown), right: half(added.right) };
}

/** The counts in a stored value; none if it is of another kind. */
export function countsFrom(stored: unknown): ScoreCounts {
  const { shown, right } = (typeof stored === 'object' && stored !== null ? stored : {}) as Partial<
    Record<keyof ScoreCounts, unknown>
  >;
  const areCounts = (value: unknown): value is number[] =>
    Array.isArray(value) &&
    value.length === BUCKETS &&
    value.every((count) => typeof count === 'number' && count >= 0 && count <= 2 * MOST_OUTCOMES);
  if (!areCounts(shown) || !areCounts(right)) return NO_SCORES;
  return right.every((count, i) => count <= (shown[i] ?? 0)) ? { shown, right } : NO_SCORES;
}

/** The most probable correction, by Newton's method on the shift and the factor with their expected sizes as a prior. */
function correctionOf({ shown, right }: ScoreCounts): Correction {
  if (total(shown) < LEAST_OUTCOMES) return { shift: 0, factor: 1 };
  let [shift, factor] = [0, 1];
  for (let step = 0; step < 20; step++) {
    let [byShift, byFactor] = [-shift / EXPECTED.shift ** 2, (1 - factor) / EXPECTED.factor ** 2];
    let [ss, sf, ff] = [1 / EXPECTED.shift ** 2, 0, 1 / EXPECTED.factor ** 2];
    for (let i = 0; i < BUCKETS; i++) {
      const count = shown[i] ?? 0;
      const odds = logOdds((i + 0.5) / BUCKETS);
      const chance = 1 / (1 + Math.exp(-(shift + factor * odds)));
      const error = (right[i] ?? 0) - count * chance;
      const weight = count * chance * (1 - chance);
      byShift += error;
      byFactor += error * odds;
      ss += weight;
      sf += weight * odds;
      ff += weight * odds * odds;
    }
    const determinant = ss * ff - sf * sf;
    const changes = [
      (ff * byShift - sf * byFactor) / determinant,
      (ss * byFactor - sf * byShift) / determinant,
    ] as const;
    shift = within(shift + changes[0], -LIMITS.shift, LIMITS.shift);
    factor = within(factor + changes[1], LIMITS.leastFactor, LIMITS.mostFactor);
    if (Math.max(...changes.map(Math.abs)) < 1e-6) break;
  }
  return { shift, factor };
}

function correctedBy({ shift, factor }: Correction): readonly number[] {
  return GENERAL_WEIGHTS.map((weight, i) => factor * weight + (i === 0 ? shift : 0));
}

function logOdds(chance: number): number {
  return Math.log(chance / (1 - chance));
}

function within(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function zeros(): number[] {
  return Array<number>(BUCKETS).fill(0);
}
