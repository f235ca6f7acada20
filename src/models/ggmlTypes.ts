/** Types of weights that the engine dequantises (native/src/import/blocks.cc), with the whole bits that each spends on a weight. */
export const READ_TYPES = {
  F32: 32,
  F16: 16,
  BF16: 16,
  Q8_0: 8,
  Q4_0: 4,
  Q4_1: 4,
  Q5_0: 5,
  Q5_1: 5,
  Q4_K: 4,
  Q5_K: 5,
  Q6_K: 6,
} as const;

export type WeightType = keyof typeof READ_TYPES;

export function isWeightType(name: string): name is WeightType {
  return Object.hasOwn(READ_TYPES, name);
}

/** A type of GGML: numbers come in blocks of some bytes. */
export interface BlockType {
  readonly name: string;
  /** Numbers in a block. */
  readonly values: number;
  /** Bytes of a block. */
  readonly bytes: number;
}

/** All types by their number in a file, also those that are not read, so that a message can name them. */
export const GGML_TYPES: ReadonlyMap<number, BlockType> = new Map(
  (
    [
      [0, 'F32', 1, 4],
      [1, 'F16', 1, 2],
      [2, 'Q4_0', 32, 18],
      [3, 'Q4_1', 32, 20],
      [6, 'Q5_0', 32, 22],
      [7, 'Q5_1', 32, 24],
      [8, 'Q8_0', 32, 34],
      [9, 'Q8_1', 32, 40],
      [10, 'Q2_K', 256, 84],
      [11, 'Q3_K', 256, 110],
      [12, 'Q4_K', 256, 144],
      [13, 'Q5_K', 256, 176],
      [14, 'Q6_K', 256, 210],
      [15, 'Q8_K', 256, 292],
      [16, 'IQ2_XXS', 256, 66],
      [17, 'IQ2_XS', 256, 74],
      [18, 'IQ3_XXS', 256, 98],
      [19, 'IQ1_S', 256, 50],
      [20, 'IQ4_NL', 32, 18],
      [21, 'IQ3_S', 256, 110],
      [22, 'IQ2_S', 256, 82],
      [23, 'IQ4_XS', 256, 136],
      [24, 'I8', 1, 1],
      [25, 'I16', 1, 2],
      [26, 'I32', 1, 4],
      [27, 'I64', 1, 8],
      [28, 'F64', 1, 8],
      [29, 'IQ1_M', 256, 56],
      [30, 'BF16', 1, 2],
      [34, 'TQ1_0', 256, 54],
      [35, 'TQ2_0', 256, 66],
      [39, 'MXFP4', 32, 17],
      [40, 'NVFP4', 64, 36],
      [41, 'Q1_0', 128, 18],
    ] as const
  ).map(([id, name, values, bytes]) => [id, { name, values, bytes }]),
);

/** The name of a file's quantisation by `general.file_type`. */
export const FILE_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'F32'],
  [1, 'F16'],
  [2, 'Q4_0'],
  [3, 'Q4_1'],
  [7, 'Q8_0'],
  [8, 'Q5_0'],
  [9, 'Q5_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K_S'],
  [12, 'Q3_K_M'],
  [13, 'Q3_K_L'],
  [14, 'Q4_K_S'],
  [15, 'Q4_K_M'],
  [16, 'Q5_K_S'],
  [17, 'Q5_K_M'],
  [18, 'Q6_K'],
  [32, 'BF16'],
]);

/** Bytes of a tensor, or of some of its rows. */
export function bytesOf(type: WeightType, rows: number, columns: number): number {
  const block = [...GGML_TYPES.values()].find(({ name }) => name === type);
  if (!block) throw new Error(`unreachable: ${type} is in the table`);
  return (rows * columns * block.bytes) / block.values;
}
