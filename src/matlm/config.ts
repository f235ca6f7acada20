import { CheckpointError } from './errors';
import { named } from './named';

/** The shape of the model: Qwen3's config.json under names of our own. */
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
  readonly ropeTheta: number;
  readonly normEps: number;
}

/** The sizes that every checkpoint has, smallest first. It may have others, such as XS. */
export const SIZES = ['S', 'M', 'L', 'XL'] as const;

/** A submodel that was measured on held-out code. */
export interface MeasuredSubmodel {
  readonly name: string;
  readonly widths: readonly number[];
  /** Lower is better. */
  readonly bitsPerByte: number;
  /** Share of tokens for which its likeliest next token is that of the full model, 0 to 1. */
  readonly agreementWithXL: number;
}

export interface CheckpointConfig {
  readonly model: ModelConfig;
  /** Named granularities: FFN width of each layer, 0 if the layer is skipped. */
  readonly granularities: Readonly<Record<string, readonly number[]>>;
  /** Submodels that no cheaper one equals; cheapest first. */
  readonly frontier: readonly MeasuredSubmodel[];
  /** Undefined if none was fitted: then the model decides alone. */
  readonly gate: MemoryGate | undefined;
}

/**
 * The network that weighs earlier matches against the model's prediction, fitted on held-out code (native/src/memory/gate.h).
 * The last number of each row is the bias.
 */
export interface MemoryGate {
  /** [units, inputs + 1] */
  readonly hidden: readonly (readonly number[])[];
  /** [outputs, units + 1] */
  readonly output: readonly (readonly number[])[];
}

/** The shape of the gate. */
const GATE = { inputs: 29, outputs: 5, mostUnits: 256 };

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

/** Options of Qwen3 that must have this value or none. */
const FIXED = {
  tie_word_embeddings: true,
  attention_bias: false,
  hidden_act: 'silu',
  use_sliding_window: false,
  rope_scaling: undefined,
};

/** The engine stores hidden units in blocks of this many. */
const WIDTH_STEP = 32;

/**
 * Read and check a checkpoint's config.json.
 * @throws {CheckpointError} naming the key at fault
 */
export function parseConfig(file: string, text: string): CheckpointConfig {
  const json = parseObject(file, text);
  if (json.model_type !== 'qwen3') {
    throw new CheckpointError(file, `model_type is ${JSON.stringify(json.model_type)}; qwen3 is expected`);
  }
  for (const [key, expected] of Object.entries(FIXED)) {
    const value = json[key];
    if (value === undefined || value === null || value === expected) continue;
    throw new CheckpointError(file, `${key} is ${JSON.stringify(value)}, which the engine does not compute`);
  }
  const model: Partial<Record<keyof ModelConfig, number>> = {};
  for (const [key, name] of Object.entries(DIMENSIONS)) {
    const value = json[key];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 1 << 20) {
      throw new CheckpointError(file, `${key} must be a whole number between 1 and ${1 << 20}`);
    }
    model[name] = value;
  }
  for (const [key, name] of [
    ['rope_theta', 'ropeTheta'],
    ['rms_norm_eps', 'normEps'],
  ] as const) {
    const value = json[key];
    if (!isPositive(value)) throw new CheckpointError(file, `${key} must be a positive number`);
    model[name] = value;
  }
  const shape = model as ModelConfig;
  checkShape(file, shape);
  const matformer = json.matformer;
  if (!isObject(matformer) || !isObject(matformer.granularities)) {
    throw new CheckpointError(file, 'there is no "matformer" object with granularities');
  }
  const granularities = named<readonly number[]>();
  for (const [name, widths] of Object.entries(matformer.granularities)) {
    granularities[name] = checkWidths(file, name, widths, shape);
  }
  for (const name of SIZES) {
    if (!Object.hasOwn(granularities, name)) throw new CheckpointError(file, `the granularity ${name} is missing`);
  }
  const frontier = Array.isArray(matformer.frontier) ? matformer.frontier.filter(isObject) : [];
  return {
    model: shape,
    granularities,
    frontier: frontier.map((row) => measuredSubmodel(file, row, shape)),
    gate: memoryGate(file, matformer.memory),
  };
}

/** Rules for dimensions, with a fault that names the key, as in `check_config` of native/src/model.cc. All backends need them. */
const RULES: readonly (readonly [holds: (model: ModelConfig) => boolean, fault: string])[] = [
  [({ layers }) => layers <= 64, 'num_hidden_layers is larger than 64'],
  [({ heads }) => heads <= 256, 'num_attention_heads is larger than 256'],
  [
    // The sums are int32, and 255 * 127 * 65536 is just below 2^31.
    ({ hiddenSize, ffnSize, heads, headDim }) => Math.max(hiddenSize, ffnSize, heads * headDim) <= 65_536,
    'hidden_size, intermediate_size or num_attention_heads * head_dim is larger than 65536',
  ],
  [({ headDim }) => headDim % 16 === 0 && headDim <= 1024, 'head_dim is not a multiple of 16 up to 1024'],
  [({ ffnSize }) => ffnSize % WIDTH_STEP === 0, `intermediate_size is not a multiple of ${WIDTH_STEP}`],
  [({ heads, kvHeads }) => heads % kvHeads === 0, 'num_attention_heads is not a multiple of num_key_value_heads'],
  [
    ({ hiddenSize, vocabularySize }) => hiddenSize % 16 === 0 && vocabularySize % 16 === 0,
    'hidden_size or vocab_size is not a multiple of 16',
  ],
  [
    ({ layers, kvHeads, headDim, contextLength }) => 2 * layers * kvHeads * headDim * contextLength <= MAX_CACHED,
    'max_position_embeddings makes the KV cache larger than 2 GiB',
  ],
];

/** Keys and values in the cache, which the native engine keeps as float16. */
const MAX_CACHED = 2 ** 30;

function checkShape(file: string, model: ModelConfig): void {
  for (const [holds, fault] of RULES) if (!holds(model)) throw new CheckpointError(file, fault);
}

function measuredSubmodel(file: string, row: Record<string, unknown>, model: ModelConfig): MeasuredSubmodel {
  const { name, bitsPerByte, agreementWithXL } = row;
  if (typeof name !== 'string') throw new CheckpointError(file, 'a row of the frontier has no name');
  const widths = checkWidths(file, name, row.ffnWidths, model);
  if (!isPositive(bitsPerByte)) {
    throw new CheckpointError(file, `bitsPerByte of ${name} must be a positive number`);
  }
  if (!isShare(agreementWithXL)) {
    throw new CheckpointError(file, `agreementWithXL of ${name} must be a number between 0 and 1`);
  }
  return { name, widths, bitsPerByte, agreementWithXL };
}

function memoryGate(file: string, memory: unknown): MemoryGate | undefined {
  if (memory === undefined) return undefined;
  const { hidden, output } = isObject(memory) ? memory : {};
  const isMatrix = (value: unknown, columns: number): value is number[][] =>
    Array.isArray(value) &&
    value.every((row) => Array.isArray(row) && row.length === columns && row.every((w) => Number.isFinite(w)));
  const units = Array.isArray(hidden) ? hidden.length : 0;
  const { inputs, outputs, mostUnits } = GATE;
  if (units < 1 || units > mostUnits || !isMatrix(hidden, inputs + 1))
    throw new CheckpointError(file, `memory.hidden is not 1 to ${mostUnits} rows of ${inputs + 1} numbers`);
  if (!isMatrix(output, units + 1) || output.length !== outputs)
    throw new CheckpointError(file, `memory.output is not ${outputs} rows of ${units + 1} numbers`);
  return { hidden, output };
}

/** JSON has no Infinity, but `1e999` is read as one. */
function isPositive(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < Infinity;
}

function isShare(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

function checkWidths(file: string, name: string, widths: unknown, model: ModelConfig): readonly number[] {
  const ok =
    Array.isArray(widths) &&
    widths.length === model.layers &&
    widths.every(
      (w) => typeof w === 'number' && Number.isInteger(w) && w >= 0 && w <= model.ffnSize && w % WIDTH_STEP === 0,
    );
  if (!ok) {
    const rule = `${model.layers} multiples of ${WIDTH_STEP} between 0 and ${model.ffnSize}`;
    throw new CheckpointError(file, `the widths of ${name} are not ${rule}`);
  }
  return widths as number[];
}

/** Parse a JSON object, or say which file is not one. */
export function parseObject(file: string, text: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new CheckpointError(file, 'it is not JSON');
  }
  if (!isObject(json)) throw new CheckpointError(file, 'it is not a JSON object');
  return json;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
