/** How well a model predicts the user's own text, in bits per byte. */
import { buildPrompt, type Dialect } from '../completion/prompt/prompt';
import type { HeldOut } from './heldOut';

/** An engine that says how probable a text is: `LocalEngine`. */
export interface Scorer {
  /** The natural logarithm of the probability of each token from `first` on, given all before it. */
  logProbabilities(
    tokens: readonly number[],
    widths: readonly number[],
    first: number,
    signal?: AbortSignal,
  ): Promise<Float32Array>;
}

/** Bits for a number of bytes. Bytes compare models of different tokenizers. */
export interface Bits {
  readonly bits: number;
  readonly bytes: number;
}

/** Bits for a middle, and for the token that ends it. */
export interface MiddleBits extends Bits {
  readonly endBits: number;
}

/** A model at work. */
export interface Speaker extends Dialect {
  readonly scorer: Scorer;
  /** FFN width of each layer: the submodel. */
  readonly widths: readonly number[];
  /** Tokens that fit, prompt and middle together. */
  readonly contextLength: number;
}

/**
 * Bits for a middle after the prompt that the editor would build. The word that the cursor ends is part of them, because the
 * model writes it again. Undefined if they do not fit into the context.
 */
export async function bitsOf(
  { scorer, widths, contextLength, ...dialect }: Speaker,
  { excerpt, middle }: HeldOut,
  signal?: AbortSignal,
): Promise<MiddleBits | undefined> {
  const { tokens, healingPrefix } = buildPrompt(dialect, excerpt, contextLength);
  const written = healingPrefix + middle;
  const expected = dialect.tokenizer.encode(written);
  if (expected.length === 0 || tokens.length + expected.length >= contextLength) return undefined;
  const all = [...tokens, ...expected, dialect.prompt.stop[0] ?? 0];
  const found = await scorer.logProbabilities(all, widths, tokens.length, signal);
  const bits = Array.from(found, (value) => -value / Math.LN2);
  const endBits = bits.pop() ?? 0;
  return { bits: bits.reduce((sum, value) => sum + value, 0), bytes: Buffer.byteLength(written), endBits };
}

/**
 * Bits per byte of held-out middles, each after the model's own prompt.
 * @throws the signal's reason if it was aborted
 */
export async function bitsPerByte(
  speaker: Speaker,
  places: readonly HeldOut[],
  signal?: AbortSignal,
  onProgress: (share: number) => void = () => undefined,
): Promise<Bits & { readonly perByte: number }> {
  let [bits, bytes] = [0, 0];
  for (const [i, place] of places.entries()) {
    signal?.throwIfAborted();
    const found = await bitsOf(speaker, place, signal);
    bits += found?.bits ?? 0;
    bytes += found?.bytes ?? 0;
    onProgress((i + 1) / places.length);
  }
  return { bits, bytes, perByte: bytes > 0 ? bits / bytes : NaN };
}
