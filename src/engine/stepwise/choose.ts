import type { NativeChoice } from '../addon';

/** The longest match with earlier text that drafts follow, in tokens: longer ones are hardly more often right. */
const LONGEST_MATCH = 16;

/** The longest earlier occurrence of the last tokens (the latest of several), and the index of the token after it. */
export function findMatch(tokens: readonly number[]): { length: number; next: number } {
  const size = tokens.length;
  let best = { length: 0, next: 0 };
  for (let next = size - 1; next > 0 && best.length < LONGEST_MATCH; next--) {
    let length = 0;
    while (length < LONGEST_MATCH && length < next && tokens[next - 1 - length] === tokens[size - 1 - length]) length++;
    if (length > best.length) best = { length, next };
  }
  return best;
}

const BARRED = -1e30;

/** The constraints on the next token. */
export interface Constraints {
  /** Tokens that are not chosen. */
  readonly never: readonly number[];
  /** The token has to spell a prefix of it, or all of it and more; empty for no constraint. */
  readonly healingPrefix: Uint8Array;
  /** [tokens] the bytes of each token; empty for special tokens. No token has the rows after them. */
  readonly tokenBytes: readonly Uint8Array[];
}

/**
 * The likeliest token by the logits alone. If there is a healing prefix, only tokens that spell it are considered. The same
 * rules as choose_token in native/src/next_token.cc.
 * @param logits [vocabulary]
 */
export function choose(logits: Float32Array, { never, healingPrefix, tokenBytes }: Constraints): NativeChoice {
  const mayCome = (token: number) => {
    if (never.includes(token) || (tokenBytes.length > 0 && token >= tokenBytes.length)) return false;
    if (healingPrefix.length === 0) return true;
    const bytes = tokenBytes[token] ?? new Uint8Array();
    return bytes.length > 0 && bytes.every((byte, i) => i >= healingPrefix.length || byte === healingPrefix[i]);
  };
  const { token, sum } = likeliest(logits.map((logit, token) => (mayCome(token) ? logit : BARRED)));
  return { token, probability: 1 / sum };
}

/** The likeliest token, its logit, and the sum of all probabilities as multiples of its own. */
export function likeliest(logits: Float32Array): { token: number; largest: number; sum: number } {
  let token = 0;
  for (let i = 1; i < logits.length; i++) if ((logits[i] ?? 0) > (logits[token] ?? 0)) token = i;
  const largest = logits[token] ?? 0;
  return { token, largest, sum: logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0) };
}
