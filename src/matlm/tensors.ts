import { closeSync, openSync, readSync } from 'node:fs';
import type { ModelConfig } from './shape';
import { CheckpointError } from './errors';
import type { TensorEntry, TensorType } from './safetensors';
import { unreadable } from './systemFault';

type Tensors = Readonly<Record<string, TensorEntry>>;

/** Columns of a matrix that share a scale if it is quantised in groups. */
export const GROUP = 32;

/**
 * Check that a weights file has every tensor of the model, in the shape that config.json implies. A matrix has one of these
 * forms, all with the first name `X.weight`:
 * - F32 or F16;
 * - I8 with `X.weight_scale` [rows, 1]: a scale for each row;
 * - I8 with `X.weight_scale` F16 [rows, k / 32]: a scale for each group of 32 columns;
 * - `X.weight_packed` U8 [rows, k / 2] instead, 4 bits a weight, the even column in the low ones. With `X.weight_scale` F16
 *   [rows, k / 32] and `X.weight_min` of the same kind, a weight is scale * q + min; without the latter, scale * (q - 8).
 * @throws {CheckpointError} naming the tensor at fault
 */
export function checkTensors(file: string, model: ModelConfig, tensors: Tensors): void {
  checkThese(file, tensorsOf(model), tensors);
}

/**
 * The same for the tensors of a model of another kind.
 * @throws {CheckpointError} naming the tensor at fault
 */
export function checkThese(file: string, wanted: readonly (Matrix | Vector)[], tensors: Tensors): void {
  for (const tensor of wanted) {
    if (tensor.isMatrix) checkMatrix(file, tensors, tensor);
    else checkTensor(file, tensors, tensor.name, tensor.shape, FLOATS);
  }
}

const FLOATS: readonly TensorType[] = ['F32', 'F16'];

function checkMatrix(file: string, tensors: Tensors, { name, shape: [rows, k] }: Matrix): void {
  const groups = [rows, k / GROUP];
  if (Object.hasOwn(tensors, `${name}_packed`)) {
    if (k % GROUP !== 0)
      throw new CheckpointError(file, `the tensor ${name}_packed has ${k} columns, which is no multiple of ${GROUP}`);
    checkTensor(file, tensors, `${name}_packed`, [rows, k / 2], ['U8']);
    checkTensor(file, tensors, `${name}_scale`, groups, ['F16']);
    if (Object.hasOwn(tensors, `${name}_min`)) checkTensor(file, tensors, `${name}_min`, groups, ['F16']);
    return;
  }
  const { dtype } = checkTensor(file, tensors, name, [rows, k], ['I8', ...FLOATS]);
  if (dtype !== 'I8') return;
  const isGrouped = k % GROUP === 0 && tensors[`${name}_scale`]?.shape.join() === groups.join();
  if (isGrouped && k > GROUP) checkTensor(file, tensors, `${name}_scale`, groups, ['F16']);
  else checkTensor(file, tensors, `${name}_scale`, [rows, 1], FLOATS);
}

function checkTensor(
  file: string,
  tensors: Tensors,
  name: string,
  shape: readonly number[],
  types: readonly TensorType[],
): TensorEntry {
  const entry = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
  if (!entry) throw new CheckpointError(file, `the tensor ${name} is missing`);
  if (entry.shape.join() !== shape.join()) {
    const [found, expected] = [entry.shape, shape].map((sizes) => `[${sizes.join(', ')}]`);
    throw new CheckpointError(
      file,
      `the tensor ${name} has the shape ${found ?? ''}, but config.json implies ${expected ?? ''}`,
    );
  }
  if (!types.includes(entry.dtype))
    throw new CheckpointError(file, `the tensor ${name} is ${entry.dtype}, but ${types.join(' or ')} is expected`);
  return entry;
}

export interface Matrix {
  readonly name: string;
  readonly shape: readonly [rows: number, columns: number];
  readonly isMatrix: true;
}

/** Numbers that no vector is multiplied with, in one form: F32 or F16. */
export interface Vector {
  readonly name: string;
  readonly shape: readonly [size: number, ...others: number[]];
  readonly isMatrix: false;
}

/** A matrix as a tensor of a checkpoint. @param name without `.weight` */
export function matrix(name: string, rows: number, columns: number): Matrix {
  return { name: `${name}.weight`, shape: [rows, columns], isMatrix: true };
}

/** A tensor of a checkpoint that is no matrix. */
export function vector(name: string, ...shape: [number, ...number[]]): Vector {
  return { name, shape, isMatrix: false };
}

/** All tensors of a model under their names in a checkpoint. */
export function tensorsOf(model: ModelConfig): (Matrix | Vector)[] {
  const { vocabularySize, hiddenSize } = model;
  return [
    ...layerTensorsOf(model),
    matrix('model.embed_tokens', vocabularySize, hiddenSize),
    ...(model.hasTiedHead ? [] : [matrix('lm_head', vocabularySize, hiddenSize)]),
    vector('model.norm.weight', hiddenSize),
  ];
}

/** Those of its layers. */
export function layerTensorsOf(model: ModelConfig): (Matrix | Vector)[] {
  const { hiddenSize: d, headDim, ffnSize } = model;
  const [queries, keys] = [model.heads * headDim, model.kvHeads * headDim];
  return Array.from({ length: model.layers }, (_, i) => `model.layers.${i}`).flatMap((layer) => [
    vector(`${layer}.input_layernorm.weight`, d),
    vector(`${layer}.post_attention_layernorm.weight`, d),
    ...(model.hasQkNorm ? ['q', 'k'].map((of) => vector(`${layer}.self_attn.${of}_norm.weight`, headDim)) : []),
    matrix(`${layer}.self_attn.q_proj`, queries, d),
    matrix(`${layer}.self_attn.k_proj`, keys, d),
    matrix(`${layer}.self_attn.v_proj`, keys, d),
    ...(model.hasAttentionBias
      ? [
          vector(`${layer}.self_attn.q_proj.bias`, queries),
          vector(`${layer}.self_attn.k_proj.bias`, keys),
          vector(`${layer}.self_attn.v_proj.bias`, keys),
        ]
      : []),
    matrix(`${layer}.self_attn.o_proj`, d, queries),
    ...(model.hasOutputBias ? [vector(`${layer}.self_attn.o_proj.bias`, d)] : []),
    matrix(`${layer}.mlp.gate_proj`, ffnSize, d),
    matrix(`${layer}.mlp.up_proj`, ffnSize, d),
    matrix(`${layer}.mlp.down_proj`, d, ffnSize),
    ...(model.hasCompensation ? [vector(`${layer}.mlp.mean_active`, ffnSize)] : []),
  ]);
}

/** Mean bytes that a weight of the matrices takes in the engine, with its scales. A float matrix is quantised when it is loaded. */
export function bytesPerWeight(tensors: Tensors): number {
  let [bytes, weights] = [0, 0];
  for (const [name, { dtype, shape, begin, end }] of Object.entries(tensors)) {
    const [rows = 0, columns = 0] = shape;
    if (shape.length !== 2) continue;
    const isPart = name.endsWith('_scale') || name.endsWith('_min');
    if (!isPart) weights += rows * columns * (name.endsWith('_packed') ? 2 : 1);
    if (isPart) bytes += columns === 1 ? 4 * rows : end - begin;
    else bytes += dtype === 'F32' || dtype === 'F16' ? rows * (columns + 4) : end - begin;
  }
  return weights > 0 ? bytes / weights : 1;
}

const CHUNK_BYTES = 1 << 20;

/**
 * Check that every number in the weights is finite. It reads each tensor that is not int8, a few milliseconds
 * for ten megabytes, so call it in the engine's process.
 * @throws {CheckpointError} naming the tensor at fault
 */
export function checkValues(file: string, tensors: Tensors): void {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    throw unreadable(file, error);
  }
  const chunk = Buffer.alloc(CHUNK_BYTES);
  try {
    for (const [name, { dtype, begin, end }] of Object.entries(tensors)) {
      if (dtype === 'I8' || dtype === 'U8') continue;
      for (let at = begin; at < end; at += CHUNK_BYTES) {
        const length = Math.min(CHUNK_BYTES, end - at);
        if (readSync(descriptor, chunk, 0, length, at) < length) {
          throw new CheckpointError(file, `the tensor ${name} ends after the end of the file, which is truncated`);
        }
        if (!areFinite(chunk.subarray(0, length), dtype)) {
          throw new CheckpointError(file, `the tensor ${name} holds a value that is not finite`);
        }
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

/** A float is finite if not all bits of its exponent are set; its last byte has the sign and the exponent's first bits. */
function areFinite(bytes: Buffer, dtype: 'F16' | 'F32'): boolean {
  if (dtype === 'F16') {
    for (let i = 1; i < bytes.length; i += 2) if (((bytes[i] ?? 0) & 0x7c) === 0x7c) return false;
    return true;
  }
  for (let i = 3; i < bytes.length; i += 4) {
    if (((bytes[i] ?? 0) & 0x7f) === 0x7f && ((bytes[i - 1] ?? 0) & 0x80) === 0x80) return false;
  }
  return true;
}
