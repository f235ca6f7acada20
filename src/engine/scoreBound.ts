import type { ScoreBound } from './engine';

/** The tokens of an answer so far, as a score depends on them. */
export interface TokenCounts {
  readonly count: number;
  /** Sum of the log probabilities. */
  readonly sum: number;
  /** The smallest log probability. */
  readonly least: number;
  /** Sum of the log probabilities, each times the share that came from earlier matches. */
  readonly memorySum: number;
}

export const NO_TOKENS: TokenCounts = { count: 0, sum: 0, least: 0, memorySum: 0 };

/** Lower bound of a token's log probability: a single token near zero would outweigh all others. */
const LEAST_LOG = Math.log(1e-4);

export function withToken(
  { count, sum, least, memorySum }: TokenCounts,
  { probability, memoryShare = 0 }: { readonly probability: number; readonly memoryShare?: number | undefined },
): TokenCounts {
  const log = Math.max(LEAST_LOG, Math.log(probability));
  return { count: count + 1, sum: sum + log, least: Math.min(least, log), memorySum: memorySum + memoryShare * log };
}

/** Continuations that are considered; a score gains nothing from more certain tokens than this. */
const MAX_CONTINUATION = 64;

/** Whether the required score is reached now, or could be reached by a continuation whose tokens are all certain. */
export function mayReachScore(scoreBound: ScoreBound, { count, sum, least, memorySum }: TokenCounts): boolean {
  const { constant, ofSum, ofMean, ofLeast, ofLogCount, ofMemorySum } = scoreBound;
  const fixed = constant + ofSum * sum + ofLeast * least + ofMemorySum * memorySum;
  for (let n = Math.max(1, count); n <= count + MAX_CONTINUATION; n++) {
    if (fixed + (ofMean * sum) / n + ofLogCount * Math.log(n) >= 0) return true;
  }
  return false;
}
