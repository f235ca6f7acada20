import type { ScoreBound } from './engine';

/** The tokens of an answer so far, as a score depends on them. */
export interface TokenCounts {
  readonly count: number;
  /** Sum of the log probabilities. */
  readonly sum: number;
  /** The smallest log probability. */
  readonly least: number;
}

export const NO_TOKENS: TokenCounts = { count: 0, sum: 0, least: 0 };

/** Lower bound of a token's log probability: a single token near zero would outweigh all others. */
const LEAST_LOG = Math.log(1e-4);

export function withToken({ count, sum, least }: TokenCounts, probability: number): TokenCounts {
  const log = Math.max(LEAST_LOG, Math.log(probability));
  return { count: count + 1, sum: sum + log, least: Math.min(least, log) };
}

/** Continuations that are considered; a score gains nothing from more certain tokens than this. */
const MAX_CONTINUATION = 64;

/** Whether the required score is reached now, or could be reached by a continuation whose tokens are all certain. */
export function mayReachScore(scoreBound: ScoreBound, { count, sum, least }: TokenCounts): boolean {
  for (let n = Math.max(1, count); n <= count + MAX_CONTINUATION; n++) {
    const { constant, ofSum, ofMean, ofLeast, ofLogCount } = scoreBound;
    if (constant + ofSum * sum + (ofMean * sum) / n + ofLeast * least + ofLogCount * Math.log(n) >= 0) return true;
  }
  return false;
}
