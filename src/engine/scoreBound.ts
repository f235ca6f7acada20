/**
 * The log odds that an answer is right, by the log probabilities of its tokens: `constant`, and a weight each for their
 * sum, their mean, the least of them, and the logarithm of their number. Neither the first two nor the sum of `ofSum` and
 * `ofLeast` is negative, so surer tokens never make it worse.
 */
export interface ScoreBound {
  readonly constant: number;
  readonly ofSum: number;
  readonly ofMean: number;
  readonly ofLeast: number;
  readonly ofLogCount: number;
}

/** What an answer has come to so far. */
export interface Tally {
  readonly count: number;
  /** Of the log probabilities. */
  readonly sum: number;
  readonly least: number;
}

export const NOTHING: Tally = { count: 0, sum: 0, least: 0 };

/** A token that was all but impossible is not worse than this: its log probability would outweigh all others. */
const LEAST_LOG = Math.log(1e-4);

export function withToken({ count, sum, least }: Tally, probability: number): Tally {
  const log = Math.max(LEAST_LOG, Math.log(probability));
  return { count: count + 1, sum: sum + log, least: Math.min(least, log) };
}

/** Answers that are longer by more than this gain nothing from surer tokens. */
const MOST_MORE = 64;

/** Whether the scoreBound are even or better by now, or would be with more tokens behind it, all of them certain. */
export function mayReachScore(scoreBound: ScoreBound, { count, sum, least }: Tally): boolean {
  for (let n = Math.max(1, count); n <= count + MOST_MORE; n++) {
    const { constant, ofSum, ofMean, ofLeast, ofLogCount } = scoreBound;
    if (constant + ofSum * sum + (ofMean * sum) / n + ofLeast * least + ofLogCount * Math.log(n) >= 0) return true;
  }
  return false;
}
