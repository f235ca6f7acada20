import { CheckpointError } from './errors';
import { isObject, isPositive } from './json';

/** Rotary position embedding: pair i of a head is turned by `position * frequencies[i]` radians and scaled. */
export interface Rope {
  /** [headDim / 2] radians per position. */
  readonly frequencies: readonly number[];
  /** Factor of cosine and sine, which only YaRN changes. */
  readonly magnitude: number;
}

/** Of all families that the engine runs, if config.json does not state it: those of Llama 2 did not. */
const DEFAULT_THETA = 10_000;

/** A number of `rope_scaling`. */
type Read = (key: string, fallback?: number) => number;

/**
 * The frequencies of a config.json: `rope_theta`, and `rope_scaling` of the kinds linear, llama3 and yarn, as the models'
 * authors define them (https://github.com/huggingface/transformers, modeling_rope_utils.py). The newer key
 * `rope_parameters` holds both.
 * @param headDim even
 * @throws {CheckpointError} naming the key at fault
 */
export function readRope(file: string, json: Record<string, unknown>, headDim: number): Rope {
  const parameters = isObject(json.rope_parameters) ? json.rope_parameters : {};
  const key = isObject(json.rope_parameters) ? 'rope_parameters' : 'rope_scaling';
  const theta = json.rope_theta ?? parameters.rope_theta ?? DEFAULT_THETA;
  if (!isPositive(theta)) throw new CheckpointError(file, 'rope_theta must be a positive number');
  if ((json.partial_rotary_factor ?? parameters.partial_rotary_factor ?? 1) !== 1)
    throw new CheckpointError(file, 'partial_rotary_factor is not 1, which the engine does not compute');
  const plain = Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim));

  const scaling = json.rope_scaling ?? json.rope_parameters ?? {};
  if (!isObject(scaling)) throw new CheckpointError(file, `${key} is ${JSON.stringify(scaling)}, not an object`);
  const read: Read = (name, fallback) => {
    const value = scaling[name] ?? fallback;
    if (!isPositive(value)) throw new CheckpointError(file, `${key}.${name} must be a positive number`);
    return value;
  };
  const kind = scaling.rope_type ?? scaling.type ?? 'default';
  switch (kind) {
    case 'default':
      return { frequencies: plain, magnitude: 1 };
    case 'linear': {
      const factor = read('factor');
      return { frequencies: plain.map((frequency) => frequency / factor), magnitude: 1 };
    }
    case 'llama3':
      return { frequencies: llama3(plain, read), magnitude: 1 };
    case 'yarn':
      return yarn(plain, theta, headDim, scaling, read, json.max_position_embeddings);
    default:
      throw new CheckpointError(
        file,
        `${key} is of the kind ${JSON.stringify(kind)}; the engine computes default, linear, llama3 and yarn`,
      );
  }
}

/** Long waves are stretched by the factor, short ones stay, and those between are mixed. */
function llama3(plain: readonly number[], read: Read): number[] {
  const [factor, low, high] = [read('factor'), read('low_freq_factor'), read('high_freq_factor')];
  const original = read('original_max_position_embeddings');
  return plain.map((frequency) => {
    const turns = (original * frequency) / (2 * Math.PI); // in the original context
    if (turns < low) return frequency / factor;
    if (turns > high) return frequency;
    const share = (turns - low) / (high - low);
    return ((1 - share) * frequency) / factor + share * frequency;
  });
}

/** Pairs that turn often in the original context stay, those that turn rarely are stretched, with a ramp between. */
function yarn(
  plain: readonly number[],
  theta: number,
  headDim: number,
  scaling: Record<string, unknown>,
  read: Read,
  context: unknown,
): Rope {
  const original = read('original_max_position_embeddings', isPositive(context) ? context : undefined);
  const factor = read('factor', isPositive(context) ? context / original : undefined);
  const pairOf = (turns: number) => (headDim * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  let [first, last] = [pairOf(read('beta_fast', 32)), pairOf(read('beta_slow', 1))];
  if (scaling.truncate !== false) [first, last] = [Math.floor(first), Math.ceil(last)];
  first = Math.max(first, 0);
  last = Math.min(last, headDim - 1);
  if (first === last) last += 0.001; // as in the original, against a division by zero
  const frequencies = plain.map((frequency, i) => {
    const stretched = Math.min(1, Math.max(0, (i - first) / (last - first)));
    return (frequency / factor) * stretched + frequency * (1 - stretched);
  });
  const scaleOf = (weight: number) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  const { attention_factor: given, mscale, mscale_all_dim: ofAll } = scaling;
  const magnitude = isPositive(given)
    ? given
    : isPositive(mscale) && isPositive(ofAll)
      ? scaleOf(mscale) / scaleOf(ofAll)
      : scaleOf(1);
  return { frequencies, magnitude };
}
