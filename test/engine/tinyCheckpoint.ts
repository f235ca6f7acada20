import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NativeEncoderConfig } from '../../src/engine/addon';
import type { EngineCheckpoint } from '../../src/matlm/checkpoint';
import type { CheckpointConfig, MemoryGate, ModelConfig } from '../../src/matlm/config';
import type { TensorEntry, TensorType } from '../../src/matlm/safetensors';
import { temporaryFolder } from '../temporary';

/** Small enough for a reference in plain TypeScript, large enough for several blocks of everything. */
export const TINY: ModelConfig = {
  hiddenSize: 80, // other than heads * headDim, and not a multiple of 32
  layers: 4,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  ffnSize: 128,
  vocabularySize: 96,
  contextLength: 160,
  normEps: 1e-6,
  ropeFrequencies: Array.from({ length: 8 }, (_, i) => 10000 ** ((-2 * i) / 16)),
  ropeMagnitude: 1,
  hasAttentionBias: false,
  hasOutputBias: false,
  hasQkNorm: true,
  hasTiedHead: true,
  embeddingScale: 1,
  attentionScale: 1 / 4,
  residualScale: 1,
  logitScale: 1,
  hasCompensation: false,
  bytesPerWeight: 1,
};

export interface Tensor {
  dtype: TensorType;
  shape: number[];
  /** As stored: bytes for I8 and U8, real numbers otherwise. */
  values: Float32Array;
}

export type Tensors = Record<string, Tensor>;

/** Mulberry32: the same numbers on every machine, in [0, 1). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A random model under the names that a checkpoint uses. */
export function randomTensors(config: ModelConfig, seed = 1): Tensors {
  const next = random(seed);
  const tensors: Tensors = {};
  const floats = (name: string, shape: number[], from: number, to: number, dtype: TensorType = 'F32') => {
    const count = shape.reduce((product, n) => product * n, 1);
    const values = Float32Array.from({ length: count }, () => from + (to - from) * next());
    tensors[name] = { dtype, shape, values: dtype === 'F16' ? values.map(toHalfAndBack) : values };
  };
  const matrix = (name: string, rows: number, k: number) => {
    const values = Float32Array.from({ length: rows * k }, () => Math.round(254 * next()) - 127);
    tensors[`${name}.weight`] = { dtype: 'I8', shape: [rows, k], values };
    floats(`${name}.weight_scale`, [rows, 1], 0.5 / 127 / Math.sqrt(k), 3 / 127 / Math.sqrt(k));
  };
  const { hiddenSize: d, headDim, heads, kvHeads, ffnSize } = config;
  for (let i = 0; i < config.layers; i++) {
    const layer = `model.layers.${i}.`;
    floats(`${layer}input_layernorm.weight`, [d], 0.5, 1.5);
    floats(`${layer}post_attention_layernorm.weight`, [d], 0.5, 1.5);
    floats(`${layer}self_attn.q_norm.weight`, [headDim], 0.5, 1.5);
    floats(`${layer}self_attn.k_norm.weight`, [headDim], 0.5, 1.5);
    matrix(`${layer}self_attn.q_proj`, heads * headDim, d);
    matrix(`${layer}self_attn.k_proj`, kvHeads * headDim, d);
    matrix(`${layer}self_attn.v_proj`, kvHeads * headDim, d);
    matrix(`${layer}self_attn.o_proj`, d, heads * headDim);
    matrix(`${layer}mlp.gate_proj`, ffnSize, d);
    matrix(`${layer}mlp.up_proj`, ffnSize, d);
    matrix(`${layer}mlp.down_proj`, d, ffnSize);
  }
  floats('model.embed_tokens.weight', [config.vocabularySize, d], -1, 1, 'F16');
  floats('model.norm.weight', [d], 0.5, 1.5);
  return tensors;
}

/** The tensors but for one. */
export function without(tensors: Tensors, name: string): Tensors {
  return Object.fromEntries(Object.entries(tensors).filter(([of]) => of !== name));
}

/** The tensors with a matrix in another form than int8 by row: random floats, or random groups of 32 columns. */
export function withForm(tensors: Tensors, name: string, form: 'float' | '8' | '4' | '4min', seed = 9): Tensors {
  const next = random(seed);
  const weight = `${name}.weight`;
  const [rows = 0, k = 0] = tensors[weight]!.shape;
  const between = (count: number, from: number, to: number) =>
    Float32Array.from({ length: count }, () => from + (to - from) * next());
  const halves = (from: number, to: number): Tensor => ({
    dtype: 'F16',
    shape: [rows, k / 32],
    values: between((rows * k) / 32, from, to).map(toHalfAndBack),
  });
  const step = 1 / Math.sqrt(k) / (form === '8' ? 64 : 4);
  if (form === 'float') {
    const values = between(rows * k, -1, 1).map((value) => (2 * value) / Math.sqrt(k));
    return { ...without(tensors, `${weight}_scale`), [weight]: { dtype: 'F32', shape: [rows, k], values } };
  }
  const scales = halves(step / 2, 2 * step);
  if (form === '8') return { ...tensors, [`${weight}_scale`]: scales };
  const values = between((rows * k) / 2, 0, 255).map(Math.round);
  return {
    ...without(tensors, weight),
    [`${weight}_packed`]: { dtype: 'U8', shape: [rows, k / 2], values },
    [`${weight}_scale`]: scales,
    ...(form === '4min' ? { [`${weight}_min`]: halves(-16 * step, -4 * step) } : {}),
  };
}

/** A random encoder under the names that its folder uses. */
export function randomEncoder(config: NativeEncoderConfig, seed = 1): Tensors {
  const tensors = randomTensors(config, seed);
  const next = random(seed + 1);
  const matrix = (name: string, rows: number, k: number) => {
    const values = Float32Array.from({ length: rows * k }, () => Math.round(254 * next()) - 127);
    tensors[`${name}.weight`] = { dtype: 'I8', shape: [rows, k], values };
    const scales = Float32Array.from({ length: rows }, () => (0.5 + 2.5 * next()) / 127 / Math.sqrt(k));
    tensors[`${name}.weight_scale`] = { dtype: 'F32', shape: [rows, 1], values: scales };
  };
  const { picture, hiddenSize, embeddingSize } = config;
  matrix('projection', embeddingSize, hiddenSize);
  if (!picture) return tensors;
  matrix('patch_embedding', hiddenSize, picture.patch ** 2 * picture.channels);
  const shape = [(picture.size / picture.patch) ** 2, hiddenSize];
  const values = Float32Array.from({ length: shape[0]! * hiddenSize }, () => next() - 0.5);
  tensors['position_embedding.weight'] = { dtype: 'F32', shape, values };
  return without(tensors, 'model.embed_tokens.weight');
}

/** Write the data section as a file; the entries give the position of each tensor. */
export function writeWeights(tensors: Tensors): { weightsPath: string; tensors: Record<string, TensorEntry> } {
  const weightsPath = join(temporaryFolder(), 'model.safetensors');
  const parts: Buffer[] = [];
  const entries: Record<string, TensorEntry> = {};
  let offset = 0;
  for (const [name, { dtype, shape, values }] of Object.entries(tensors)) {
    const bytes =
      dtype === 'I8'
        ? Buffer.from(Int8Array.from(values).buffer)
        : dtype === 'U8'
          ? Buffer.from(Uint8Array.from(values).buffer)
          : dtype === 'F32'
            ? Buffer.from(Float32Array.from(values).buffer)
            : Buffer.from(Uint16Array.from(values, toHalf).buffer);
    parts.push(bytes);
    entries[name] = { dtype, shape, begin: offset, end: offset + bytes.length };
    offset += bytes.length;
  }
  writeFileSync(weightsPath, Buffer.concat(parts));
  return { weightsPath, tensors: entries };
}

/** All tensors of a checkpoint but those of the layers from `layers` on. */
export function readTensors(
  { weightsFile, tensors }: Pick<EngineCheckpoint, 'weightsFile' | 'tensors'>,
  layers: number,
): Tensors {
  const data = readFileSync(weightsFile);
  const isRead = (name: string) => Number(/^model\.layers\.(\d+)/.exec(name)?.[1] ?? 0) < layers;
  const read = ({ dtype, shape, begin, end }: TensorEntry): Tensor => {
    const { buffer } = Uint8Array.from(data.subarray(begin, end));
    const numbers = { I8: Int8Array, U8: Uint8Array, F16: Uint16Array, F32: Float32Array }[dtype];
    const values = Float32Array.from(new numbers(buffer));
    return { dtype, shape: [...shape], values: dtype === 'F16' ? values.map(fromHalf) : values };
  };
  const entries = Object.entries(tensors).filter(([name]) => isRead(name));
  return Object.fromEntries(entries.map(([name, entry]) => [name, read(entry)]));
}

/** IEEE half precision of numbers between 2^-14 and 2 in magnitude; smaller ones become zero. */
function toHalf(value: number): number {
  const magnitude = Math.abs(value);
  if (magnitude < 2 ** -14) return 0;
  let exponent = Math.floor(Math.log2(magnitude));
  let fraction = Math.round((magnitude / 2 ** exponent - 1) * 1024);
  if (fraction === 1024) {
    fraction = 0;
    exponent++;
  }
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | fraction;
}

function toHalfAndBack(value: number): number {
  return fromHalf(toHalf(value));
}

/** A finite number of IEEE half precision. */
function fromHalf(half: number): number {
  const [exponent, fraction] = [(half >> 10) & 31, (half & 1023) / 1024];
  const magnitude = exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15);
  return half & 0x8000 ? -magnitude : magnitude;
}

/** A random gate that trusts matches in about half of all cases. */
export function randomGate(seed = 1): MemoryGate {
  const next = random(seed);
  const row = (length: number) => Array.from({ length }, () => 2 * next() - 1);
  return { hidden: Array.from({ length: 8 }, () => row(30)), output: Array.from({ length: 5 }, () => row(9)) };
}

/** A gate in the addon's form. */
export function flat({ hidden, output }: MemoryGate) {
  return { hidden: Float32Array.from(hidden.flat()), output: Float32Array.from(output.flat()) };
}

/** A random model as a checkpoint: all but its tokenizer. */
export function tinyCheckpoint(model: ModelConfig, tensors = randomTensors(model)) {
  const { weightsPath, tensors: entries } = writeWeights(tensors);
  const all = (width: number) => Array<number>(model.layers).fill(width);
  const granularities = {
    S: all(model.ffnSize / 4),
    M: all(model.ffnSize / 2),
    L: all((model.ffnSize * 3) / 4),
    XL: all(model.ffnSize),
  };
  const config: CheckpointConfig = { model, granularities, frontier: [], gate: undefined };
  return { weightsFile: weightsPath, tensors: entries, config, tokenizer: { tokenBytes: [] } };
}
