/** The longest match with earlier text that is looked for, in tokens, as in native/src/copier.h. */
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

/** The constraints on the next token of a text. */
export interface NextToken {
  /** The tokens before it, without special tokens. */
  readonly text: readonly number[];
  /** Weights of copying from the context, by the match's length from 1; empty for the model alone. */
  readonly copyWeights: readonly number[];
  /** Tokens that are not chosen. */
  readonly never: readonly number[];
  /** The token has to spell a prefix of it, or all of it and more; empty for no constraint. */
  readonly healingPrefix: Uint8Array;
  /** [vocabulary] the bytes of each token; empty for special tokens. */
  readonly tokenBytes: readonly Uint8Array[];
}

/**
 * The likeliest token by the logits, mixed with copying: (1 - w) * model + w * [the token after the longest match]. If there
 * is a healing prefix, only tokens that spell it are considered. The same rules as Engine::choose in native/src/engine.cc.
 * @param logits [vocabulary]
 */
export function choose(logits: Float32Array, next: NextToken): { token: number; probability: number } {
  const { text, copyWeights, never, healingPrefix, tokenBytes } = next;
  const mayCome = (token: number) => {
    if (healingPrefix.length === 0) return true;
    const bytes = tokenBytes[token] ?? new Uint8Array();
    return bytes.length > 0 && bytes.every((byte, i) => i >= healingPrefix.length || byte === healingPrefix[i]);
  };
  const wanted = logits.map((logit, token) => (never.includes(token) ? BARRED : logit));
  const all = likeliest(wanted);
  const allowed = healingPrefix.length === 0 ? wanted : wanted.map((logit, token) => (mayCome(token) ? logit : BARRED));
  const { token, largest, sum } = healingPrefix.length === 0 ? all : likeliest(allowed);
  const probability = 1 / sum;
  /** The model's probability of all tokens that may come. */
  const allowedShare = (Math.exp(largest - all.largest) * sum) / all.sum;

  const match = copyWeights.length > 0 ? findMatch(text) : { length: 0, next: 0 };
  const copy = text[match.next];
  if (match.length === 0 || copy === undefined || never.includes(copy) || !mayCome(copy)) return { token, probability };
  let weight = copyWeights[Math.min(match.length, copyWeights.length) - 1] ?? 0;
  // A copy that spells the healing prefix is more likely to be right.
  if (weight > 0) weight /= weight + (1 - weight) * allowedShare;
  const copied = (1 - weight) * probability * Math.exp((allowed[copy] ?? 0) - largest) + weight;
  const kept = (1 - weight) * probability;
  return copy === token || copied > kept ? { token: copy, probability: copied } : { token, probability: kept };
}

/** The likeliest token, its logit, and the sum of all probabilities as multiples of its own. */
export function likeliest(logits: Float32Array): { token: number; largest: number; sum: number } {
  let token = 0;
  for (let i = 1; i < logits.length; i++) if ((logits[i] ?? 0) > (logits[token] ?? 0)) token = i;
  const largest = logits[token] ?? 0;
  return { token, largest, sum: logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0) };
}
