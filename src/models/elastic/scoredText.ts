/** Sample text that is scored in windows, by the full model and by submodels. */
import type { Checkpoint } from '../../matlm/checkpoint';
import { inTurns, type SampleFile } from '../heldOut';
import type { TimeBox } from './timeBox';
import type { ElasticEngine } from './types';

/** A piece of a file, which a model reads by itself. The first token is given; all others are scored. */
export interface Window {
  readonly tokens: readonly number[];
  /** Of the text of the scored tokens. */
  readonly bytes: number;
}

/** Submodels next to the full model on the same windows. */
export interface Comparison {
  /** Nats of each submodel over those of the full model, as a share of these. */
  readonly losses: readonly number[];
  /** Of the predictions of each submodel from those of the full model, see `divergence`. */
  readonly divergences: readonly number[];
  readonly fullNats: number;
  /** Scored tokens and their bytes. */
  readonly tokens: number;
  readonly bytes: number;
}

/** A window shorter than this says little. */
const LEAST_TOKENS = 32;

/** Logits that are in memory at once. */
const MOST_LOGIT_BYTES = 64e6;

/**
 * The text of files in windows, in an order in which the first few already stand for all.
 * @param most tokens of a window, if they fit into the context
 */
export function windowsOf(
  { tokenizer, prompt, config }: Pick<Checkpoint, 'tokenizer' | 'prompt' | 'config'>,
  files: readonly SampleFile[],
  most: number,
): readonly Window[] {
  const begin = prompt.tokens.begin === undefined ? [] : [prompt.tokens.begin];
  const own = Math.min(most, config.model.contextLength) - begin.length;
  const windows: Window[] = [];
  for (const { text } of files) {
    const all = tokenizer.encode(text);
    for (let from = 0; from + LEAST_TOKENS <= all.length; from += own) {
      const tokens = [...begin, ...all.slice(from, from + own)];
      const bytes = tokens.slice(1).reduce((sum, token) => sum + (tokenizer.tokenBytes[token]?.length ?? 0), 0);
      windows.push({ tokens, bytes });
    }
  }
  return inTurns(windows);
}

/**
 * The log probability of each scored token of a window.
 * @throws the signal's reason if it is aborted
 */
export async function scoresOf(
  engine: ElasticEngine,
  { tokens }: Window,
  widths: readonly number[],
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  try {
    return await engine.logProbabilities(tokens, widths, 1, signal);
  } catch (error) {
    signal?.throwIfAborted(); // the engine ends an aborted request with an error of its own
    throw error;
  }
}

/**
 * Scores submodels on one window after another, until a share of the time is gone.
 * @param full widths of the full model
 * @param least tokens that are scored in any case, if there are as many
 */
export async function compare(
  engine: ElasticEngine,
  windows: readonly Window[],
  full: readonly number[],
  shapes: readonly (readonly number[])[],
  box: TimeBox,
  until: number,
  least = 1,
): Promise<Comparison> {
  const [lost, apart] = [shapes.map(() => 0), shapes.map(() => 0)];
  let [fullNats, tokens, bytes] = [0, 0, 0];
  for (const window of windows) {
    if (tokens >= least && box.spent >= until) break;
    const scores = await scoresOf(engine, window, full, box.signal);
    for (const [i, widths] of shapes.entries()) {
      const narrow = await scoresOf(engine, window, widths, box.signal);
      lost[i] = (lost[i] ?? 0) + lostNats(scores, narrow);
      apart[i] = (apart[i] ?? 0) + divergence(scores, narrow);
      box.report(until);
    }
    fullNats -= scores.reduce((sum, value) => sum + value, 0);
    tokens += scores.length;
    bytes += window.bytes;
  }
  return { losses: lost.map((nats) => nats / fullNats), divergences: apart, fullNats, tokens, bytes };
}

/** Nats that a submodel needs more than the full model for the same tokens. */
function lostNats(full: Float32Array, narrow: Float32Array): number {
  return full.reduce((sum, value, i) => sum + value - (narrow[i] ?? 0), 0);
}

/**
 * For each submodel, the share of tokens after which its likeliest next token is that of the full model: on the first window
 * in any case, then until a share of the time is gone.
 */
export async function agreements(
  engine: ElasticEngine,
  vocabulary: number,
  windows: readonly Window[],
  full: readonly number[],
  shapes: readonly (readonly number[])[],
  box: TimeBox,
  until: number,
): Promise<readonly number[]> {
  const most = Math.max(1, Math.floor(MOST_LOGIT_BYTES / 4 / vocabulary));
  const likeliest = async ({ tokens }: Window, widths: readonly number[]) => {
    const logits = await engine.logits(tokens.slice(0, most), widths);
    return Array.from({ length: logits.length / vocabulary }, (_, t) =>
      indexOfLargest(logits.subarray(t * vocabulary, (t + 1) * vocabulary)),
    );
  };
  const same = shapes.map(() => 0);
  let tokens = 0;
  for (const window of windows) {
    if (tokens > 0 && box.spent >= until) break;
    const expected = await likeliest(window, full);
    for (const [i, widths] of shapes.entries()) {
      const found = await likeliest(window, widths);
      same[i] = (same[i] ?? 0) + found.filter((token, t) => token === expected[t]).length;
      box.report(until);
    }
    tokens += expected.length;
  }
  return same.map((count) => count / Math.max(1, tokens));
}

/** Of equal ones the first. */
export function indexOfLargest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}

/** A token whose log probability changes by more counts as this much: a few odd tokens must not decide. */
const MOST_NATS = 4;

/**
 * How far the predictions of a submodel are from those of the full model: half the squares of the differences between the log
 * probabilities, summed. For small differences that is the Kullback-Leibler divergence; and unlike the lost nats, in which
 * gains and losses of single tokens cancel, a few hundred tokens tell it within a few percent.
 */
export function divergence(full: Float32Array, narrow: Float32Array): number {
  return full.reduce((sum, value, i) => {
    const difference = Math.min(MOST_NATS, Math.abs(value - (narrow[i] ?? 0)));
    return sum + difference ** 2 / 2;
  }, 0);
}
