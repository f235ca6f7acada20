/** The share of the time for an answer that reading the suffix may take. The rest is for the prefix and the answer. */
const SHARE = 0.5;

/** About the rest of the line and the next one, without which an answer would often repeat what follows. */
const LEAST_TOKENS = 16;

/**
 * The most tokens of the text after the cursor that a prompt may have if each key has them read again (PSM): few while the
 * user types, all in a pause.
 * @param budgetMs milliseconds that the answer may take
 * @param msPerToken milliseconds to read a token; undefined if nothing was measured
 */
export function suffixTokensWithin(budgetMs: number, msPerToken: number | undefined): number {
  if (msPerToken === undefined || msPerToken <= 0) return Infinity;
  return Math.max(LEAST_TOKENS, Math.floor((SHARE * budgetMs) / msPerToken));
}
