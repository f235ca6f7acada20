import { closeSync, openSync, readSync } from 'node:fs';
import type { ModelConfig } from './config';
import { CheckpointError } from './errors';
import type { TensorEntry } from './safetensors';

type Tensors = Readonly<Record<string, TensorEntry>>;

/**
 * Check that a weights file has every tensor of the model, in the shape that config.json implies.
 * @throws {CheckpointError} naming the tensor at fault
 */
export function checkTensors(file: string, model: ModelConfig, tensors: Tensors): void {
  for (const { name, shape, isMatrix } of tensorsOf(model)) {
    const { dtype } = checkTensor(file, tensors, name, shape);
    if (dtype !== 'I8') continue;
    if (!isMatrix) throw new CheckpointError(file, `the tensor ${name} is I8, but F32 or F16 is expected`);
    const scale = checkTensor(file, tensors, `${name}_scale`, [shape[0] ?? 0, 1]);
    if (scale.dtype === 'I8') throw new CheckpointError(file, `the tensor ${name}_scale is I8`);
  }
}

function checkTensor(file: string, tensors: Tensors, name: string, shape: readonly number[]): TensorEntry {
  const entry = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
  if (!entry) throw new CheckpointError(file, `the tensor ${name} is missing`);
  if (entry.shape.join() !== shape.join()) {
    const [found, expected] = [entry.shape, shape].map((sizes) => `[${sizes.join(', ')}]`);
    throw new CheckpointError(
      file,
      `the tensor ${name} has the shape ${found ?? ''}, but config.json implies ${expected ?? ''}`,
    );
  }
  return entry;
}

interface ModelTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** A matrix may be int8 with a scale for each row. */
  readonly isMatrix: boolean;
}

function tensorsOf(model: ModelConfig): ModelTensor[] {
  const { hiddenSize: d, headDim, ffnSize } = model;
  const [queries, keys] = [model.heads * headDim, model.kvHeads * headDim];
  const vector = (name: string, size: number) => ({ name: `${name}.weight`, shape: [size], isMatrix: false });
  const matrix = (name: string, rows: number, columns: number) => ({
    name: `${name}.weight`,
    shape: [rows, columns],
    isMatrix: true,
  });
  const layers = Array.from({ length: model.layers }, (_, i) => `model.layers.${i}`).flatMap((layer) => [
    vector(`${layer}.input_layernorm`, d),
    vector(`${layer}.post_attention_layernorm`, d),
    vector(`${layer}.self_attn.q_norm`, headDim),
    vector(`${layer}.self_attn.k_norm`, headDim),
    matrix(`${layer}.self_attn.q_proj`, queries, d),
    matrix(`${layer}.self_attn.k_proj`, keys, d),
    matrix(`${layer}.self_attn.v_proj`, keys, d),
    matrix(`${layer}.self_attn.o_proj`, d, queries),
    matrix(`${layer}.mlp.gate_proj`, ffnSize, d),
    matrix(`${layer}.mlp.up_proj`, ffnSize, d),
    matrix(`${layer}.mlp.down_proj`, d, ffnSize),
  ]);
  return [...layers, matrix('model.embed_tokens', model.vocabularySize, d), vector('model.norm', d)];
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
    throw new CheckpointError(file, `it cannot be opened (${String((error as NodeJS.ErrnoException).code)})`);
  }
  const chunk = Buffer.alloc(CHUNK_BYTES);
  try {
    for (const [name, { dtype, begin, end }] of Object.entries(tensors)) {
      if (dtype === 'I8') continue;
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
