import { CheckpointError } from './errors';
import { isObject, isPositive } from './json';
import { readRope } from './rope';

/** The shape of a decoder of the Llama family, under names of our own. */
export interface ModelConfig {
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly ffnSize: number;
  readonly vocabularySize: number;
  /** Tokens that fit, prompt and completion together. */
  readonly contextLength: number;
  readonly normEps: number;
  /** [headDim / 2] radians by which a position turns each pair of a head (RoPE), after scaling. */
  readonly ropeFrequencies: readonly number[];
  /** Factor of the rotation's cosine and sine. */
  readonly ropeMagnitude: number;
  /** Whether queries, keys and values have a bias. */
  readonly hasAttentionBias: boolean;
  /** Whether the attention's output has a bias. */
  readonly hasOutputBias: boolean;
  /** Whether each head of queries and keys is normalised. */
  readonly hasQkNorm: boolean;
  /** Whether the embedding is also the head. */
  readonly hasTiedHead: boolean;
  readonly embeddingScale: number;
  /** Factor of the products of queries and keys. */
  readonly attentionScale: number;
  /** Factor of what attention and the feed-forward block add to the residual stream. */
  readonly residualScale: number;
  /** Factor of the logits. */
  readonly logitScale: number;
  /**
   * Whether each feed-forward block has the mean activation of its hidden units: then a submodel adds what the units that it
   * lacks contribute on average (native/src/compensation.h).
   */
  readonly hasCompensation: boolean;
  /** Mean bytes of a weight of the matrices, with the scales of its group or row. */
  readonly bytesPerWeight: number;
}

/** What models of a `model_type` have without saying so in config.json. */
export interface Family {
  readonly qkNorm?: true;
  readonly attentionBias?: true;
  readonly outputBias?: false;
}

/** `model_type`s of decoders that the engine runs. */
const FAMILIES: ReadonlyMap<unknown, Family> = new Map<string, Family>([
  ['qwen3', { qkNorm: true }],
  ['qwen2', { attentionBias: true, outputBias: false }],
  ['llama', {}],
  ['mistral', { outputBias: false }],
  ['granite', {}],
]);

const DIMENSIONS = {
  hidden_size: 'hiddenSize',
  num_hidden_layers: 'layers',
  num_attention_heads: 'heads',
  num_key_value_heads: 'kvHeads',
  head_dim: 'headDim',
  intermediate_size: 'ffnSize',
  vocab_size: 'vocabularySize',
  max_position_embeddings: 'contextLength',
} as const;

/** Options that must have this value or none. */
const FIXED = { hidden_act: 'silu', use_sliding_window: false, mlp_bias: false };

/** The engine stores hidden units in blocks of this many. */
export const WIDTH_STEP = 32;

/** Positions of the longest context, more than any prompt has: the engine has a table of rotations for each. */
const MAX_CONTEXT = 16_384;
/** Keys and values in the largest cache, which the native engine keeps as float16. */
const MAX_CACHED = 2 ** 30;

/**
 * The shape in a config.json of Hugging Face's kind.
 * @throws {CheckpointError} naming the key at fault
 */
export function readShape(file: string, json: Record<string, unknown>): ModelConfig {
  const family = FAMILIES.get(json.model_type);
  if (!family) {
    const names = [...FAMILIES.keys()].join(', ');
    throw new CheckpointError(
      file,
      `model_type is ${JSON.stringify(json.model_type)}; the engine runs ${names}`,
      'Choose a model of one of these architectures.',
    );
  }
  return readShapeOf(file, json, family);
}

/**
 * The same for a `model_type` that the caller knows.
 * @throws {CheckpointError} naming the key at fault
 */
export function readShapeOf(file: string, json: Record<string, unknown>, family: Family): ModelConfig {
  for (const [key, expected] of Object.entries(FIXED)) {
    const value = json[key];
    if (value === undefined || value === null || value === expected) continue;
    throw new CheckpointError(file, `${key} is ${JSON.stringify(value)}, which the engine does not compute`);
  }
  const defaults: Record<string, unknown> = {
    num_key_value_heads: json.num_attention_heads,
    head_dim: Number(json.hidden_size) / Number(json.num_attention_heads),
  };
  const sizes = {} as Record<(typeof DIMENSIONS)[keyof typeof DIMENSIONS], number>;
  for (const [key, name] of Object.entries(DIMENSIONS)) {
    const value = json[key] ?? defaults[key];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 1 << 20) {
      throw new CheckpointError(file, `${key} must be a whole number between 1 and ${1 << 20}`);
    }
    sizes[name] = value;
  }
  for (const [holds, fault] of RULES) if (!holds(sizes)) throw new CheckpointError(file, fault);
  if (!isPositive(json.rms_norm_eps)) throw new CheckpointError(file, 'rms_norm_eps must be a positive number');
  const scale = (key: string, fallback: number) => {
    const value = json[key] ?? fallback;
    if (!isPositive(value)) throw new CheckpointError(file, `${key} must be a positive number`);
    return value;
  };
  const { layers, kvHeads, headDim } = sizes;
  const rope = readRope(file, json, headDim);
  const isGranite = json.model_type === 'granite';
  const hasAttentionBias = family.attentionBias ?? json.attention_bias === true;
  const windows = [sizes.contextLength, MAX_CONTEXT, Math.floor(MAX_CACHED / (2 * layers * kvHeads * headDim))];
  if (isPositive(json.sliding_window) && json.model_type === 'mistral') windows.push(json.sliding_window);
  return {
    ...sizes,
    contextLength: Math.min(...windows),
    normEps: json.rms_norm_eps,
    ropeFrequencies: rope.frequencies,
    ropeMagnitude: rope.magnitude,
    hasAttentionBias,
    hasOutputBias: family.outputBias ?? hasAttentionBias,
    hasQkNorm: family.qkNorm ?? false,
    hasTiedHead: json.tie_word_embeddings === true,
    embeddingScale: isGranite ? scale('embedding_multiplier', 1) : 1,
    attentionScale: isGranite ? scale('attention_multiplier', 1) : defaultAttentionScale(headDim),
    residualScale: isGranite ? scale('residual_multiplier', 1) : 1,
    logitScale: isGranite ? 1 / scale('logits_scaling', 1) : 1,
    hasCompensation: compensates(file, json.matformer),
    bytesPerWeight: 1,
  };
}

function compensates(file: string, matformer: unknown): boolean {
  const kind = isObject(matformer) ? matformer.compensation : undefined;
  if (kind === undefined || kind === 'mean') return kind === 'mean';
  throw new CheckpointError(
    file,
    `matformer.compensation is ${JSON.stringify(kind)}, but the engine knows "mean" alone`,
  );
}

/** Positions of a cache that prompts of a usual length fill. It grows with its prompts. */
const USUAL_POSITIONS = 2048;

/** Bytes of a usual cache: keys and values as float16. */
export function usualCacheBytes({ layers, kvHeads, headDim, contextLength }: ModelConfig): number {
  return 2 * 2 * layers * kvHeads * headDim * Math.min(contextLength, USUAL_POSITIONS);
}

/** In float32, as the engine computes. */
export function defaultAttentionScale(headDim: number): number {
  return Math.fround(1 / Math.fround(Math.sqrt(headDim)));
}

type Sizes = Pick<ModelConfig, (typeof DIMENSIONS)[keyof typeof DIMENSIONS]>;

/** Rules for dimensions, with a fault that names the key, as in `check_config` of native/src/model.cc. All backends need them. */
const RULES: readonly (readonly [holds: (sizes: Sizes) => boolean, fault: string])[] = [
  [({ layers }) => layers <= 64, 'num_hidden_layers is larger than 64'],
  [({ heads }) => heads <= 256, 'num_attention_heads is larger than 256'],
  [
    // The sums are int32, and 255 * 127 * 65536 is just below 2^31.
    ({ hiddenSize, ffnSize, heads, headDim }) => Math.max(hiddenSize, ffnSize, heads * headDim) <= 65_536,
    'hidden_size, intermediate_size or num_attention_heads * head_dim is larger than 65536',
  ],
  [({ headDim }) => headDim % 2 === 0 && headDim <= 1024, 'head_dim is not an even number up to 1024'],
  [({ heads, headDim }) => (heads * headDim) % 16 === 0, 'num_attention_heads * head_dim is not a multiple of 16'],
  [({ ffnSize }) => ffnSize % WIDTH_STEP === 0, `intermediate_size is not a multiple of ${WIDTH_STEP}`],
  [({ heads, kvHeads }) => heads % kvHeads === 0, 'num_attention_heads is not a multiple of num_key_value_heads'],
  [({ hiddenSize }) => hiddenSize % 16 === 0, 'hidden_size is not a multiple of 16'],
  [
    ({ layers, kvHeads, headDim }) => 2 * layers * kvHeads * headDim * 2048 <= MAX_CACHED,
    'the keys and values of 2048 tokens take more than 2 GiB',
  ],
];
