import type { ModelConfig } from '../../matlm/config';
import type { GpuDevice } from './device';
import { BLOCK, paddedRows } from './matrix';
import type { Range } from './weights';

/** Tokens of a prompt that are read in one submit at most; an abort takes effect between two. */
export const CHUNK_TOKENS = 256;

/** Tokens of a tile in kernels/matmul.wgsl. Fewer take as long, as far as matrices are concerned. */
export const TILE_TOKENS = 32;

/** Tokens that are decoded in one submit at most. */
const MAX_STEPS = 8;

/** Tokens whose logits are computed together: the last one of the text, and the drafts after it. */
const MAX_LOGIT_ROWS = 9;

/** Submodels whose compensation is kept at once; that of another is derived again. */
export const MAX_COMPENSATED = 8;

/** Bytes between two uniforms in a buffer, which every card can bind. */
export const UNIFORM_STRIDE = 256;

/** Logits among which a workgroup looks for the likeliest. */
export const VOCABULARY_SLICE = 1024;

/** The buffers of intermediate results, which all submodels share. */
export type Scratch = ReturnType<typeof scratchOf>;

export function scratchOf(gpu: GpuDevice, config: ModelConfig) {
  const { device, constants } = gpu;
  const { hiddenSize, heads, kvHeads, headDim, ffnSize, layers, vocabularySize } = config;
  const { STORAGE, UNIFORM, COPY_DST, COPY_SRC, MAP_READ } = constants.GPUBufferUsage;
  const create = (size: number, usage: number) => device.createBuffer({ size, usage });
  const range = (bytes: number): Range => ({ buffer: create(CHUNK_TOKENS * bytes, STORAGE) });
  const widest = Math.max(hiddenSize, heads * headDim);
  const logitsStride = paddedRows(vocabularySize);
  const logitBytes = 4 * MAX_LOGIT_ROWS * logitsStride;
  const used = [...new Set([hiddenSize, heads * headDim])];
  const columnsBuffer = create(used.length * UNIFORM_STRIDE, UNIFORM | COPY_DST);
  for (const [i, columns] of used.entries())
    device.queue.writeBuffer(columnsBuffer, i * UNIFORM_STRIDE, Uint32Array.of(columns / BLOCK));
  return {
    /** [tokens, hidden] the residual stream. */
    x: range(4 * hiddenSize),
    /** [tokens, heads + 2 * kvHeads, headDim] */
    qkv: range(4 * (heads + 2 * kvHeads) * headDim),
    /** [tokens, widest] int8, with a scale for each block: inputs of all matrices but down. */
    values: range(widest),
    scales: range((4 * widest) / BLOCK),
    /** [tokens, ffn] int8, with a scale for each block. */
    active: range(ffnSize),
    activeScales: range((4 * ffnSize) / BLOCK),
    /** [tokens] and those that are decoded in a submit. */
    tokens: create(4 * (CHUNK_TOKENS + MAX_STEPS + 1), STORAGE | COPY_DST),
    logitsStride,
    /** [MAX_LOGIT_ROWS, logitsStride] */
    logits: create(logitBytes, STORAGE | COPY_SRC),
    logitsRead: create(logitBytes, MAP_READ | COPY_DST),
    slices: create(16 * Math.ceil(vocabularySize / VOCABULARY_SLICE), STORAGE),
    choices: create(8 * MAX_STEPS, STORAGE | COPY_SRC),
    choicesRead: create(8 * MAX_STEPS, MAP_READ | COPY_DST),
    /** A `Pass` of each step of a submit. */
    passes: create(MAX_STEPS * UNIFORM_STRIDE, UNIFORM | COPY_DST),
    /** Blocks of the hidden units of each layer. */
    widths: create(layers * UNIFORM_STRIDE, UNIFORM | COPY_DST),
    /** [layers, MAX_COMPENSATED, hidden] */
    compensation: config.hasCompensation ? create(4 * layers * MAX_COMPENSATED * hiddenSize, STORAGE) : undefined,
    columnsBuffer,
    /** The place of each number of columns in `columnsBuffer`. */
    columns: new Map(used.map((columns, i) => [columns, i])),
  };
}
