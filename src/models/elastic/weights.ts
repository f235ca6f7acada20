/** The matrices of feed-forward blocks as they are stored. */
import type { FileHandle } from 'node:fs/promises';
import type { WeightForm } from '../../engine/addon';
import type { TensorEntry } from '../../matlm/safetensors';
import { readAll } from '../wholeReads';

export type Tensors = Readonly<Record<string, TensorEntry>>;

/** The name of a matrix of a layer's feed-forward block. */
export function mlpName(layer: number, of: 'gate' | 'up' | 'down'): string {
  return `model.layers.${layer}.mlp.${of}_proj.weight`;
}

/** The name of a layer's mean activations. */
export function meanName(layer: number): string {
  return `model.layers.${layer}.mlp.mean_active`;
}

/** Quantised with a scale for each row, or in one of the forms of an import. */
export type StoredForm = 'rows' | WeightForm;

/** A matrix and its parts in the file; those that its form does not need are undefined. */
export interface StoredMatrix {
  readonly form: StoredForm;
  readonly rows: number;
  readonly columns: number;
  readonly values: TensorEntry;
  readonly scales: TensorEntry | undefined;
  readonly minimums: TensorEntry | undefined;
}

/** @param tensors of a checkpoint that was checked @throws if there is no such matrix */
export function storedMatrix(tensors: Tensors, name: string): StoredMatrix {
  const [packed, scales, minimums] = ['_packed', '_scale', '_min'].map((part) => tensors[`${name}${part}`]);
  const values = packed ?? tensors[name];
  if (!values) throw new Error(`there is no tensor ${name}`);
  const [rows = 0, stored = 0] = values.shape;
  const columns = packed ? 2 * stored : stored;
  return { form: formOf(values, packed, scales, minimums), rows, columns, values, scales, minimums };
}

function formOf(
  values: TensorEntry,
  packed: TensorEntry | undefined,
  scales: TensorEntry | undefined,
  minimums: TensorEntry | undefined,
): StoredForm {
  if (packed) return minimums ? '4min' : '4';
  if (values.dtype !== 'I8') return 'float';
  return scales?.shape[1] === 1 ? 'rows' : '8';
}

/** The bytes of a tensor; none if it is undefined. */
export async function bytesOfEntry(
  file: string,
  handle: FileHandle,
  entry: TensorEntry | undefined,
): Promise<Buffer<ArrayBuffer>> {
  const bytes = Buffer.allocUnsafeSlow(entry ? entry.end - entry.begin : 0);
  if (entry) await readAll(file, handle, bytes, entry.begin);
  return bytes;
}

/** Every float16 by its bits: IEEE 754 binary16. */
const HALVES = Float32Array.from({ length: 1 << 16 }, (_, bits) => {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  const value = exponent === 31 ? (fraction === 0 ? Infinity : NaN) : magnitude;
  return bits >> 15 ? -value : value;
});

/** Numbers of a float tensor. */
export function floatsOf(bytes: Buffer<ArrayBuffer>, dtype: 'F32' | 'F16'): Float32Array<ArrayBuffer> {
  if (dtype === 'F32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  return Float32Array.from(halves, (bits) => HALVES[bits] ?? NaN);
}

/** The parts of a matrix in memory. */
export interface MatrixBytes {
  readonly values: Buffer<ArrayBuffer>;
  readonly scales: Buffer<ArrayBuffer>;
  readonly minimums: Buffer<ArrayBuffer>;
}

export async function readMatrix(file: string, handle: FileHandle, matrix: StoredMatrix): Promise<MatrixBytes> {
  const read = (entry: TensorEntry | undefined) => bytesOfEntry(file, handle, entry);
  return {
    values: await read(matrix.values),
    scales: await read(matrix.scales),
    minimums: await read(matrix.minimums),
  };
}

/** [columns] the sum of the squares of each column. */
export function columnSquares(matrix: StoredMatrix, bytes: MatrixBytes): Float64Array {
  const { form, rows, columns } = matrix;
  const squares = new Float64Array(columns);
  const floats = (entry: TensorEntry | undefined, part: Buffer<ArrayBuffer>) =>
    floatsOf(part, entry?.dtype === 'F32' ? 'F32' : 'F16');
  if (form === 'float') {
    const values = floats(matrix.values, bytes.values);
    for (const [at, value] of values.entries()) squares[at % columns] = (squares[at % columns] ?? 0) + value * value;
    return squares;
  }
  const scales = floats(matrix.scales, bytes.scales);
  const minimums = form === '4min' ? floats(matrix.minimums, bytes.minimums) : undefined;
  const groups = scales.length / rows;
  const size = columns / groups;
  const signed = new Int8Array(bytes.values.buffer, bytes.values.byteOffset, bytes.values.length);
  const isPacked = form === '4' || form === '4min';
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const group = row * groups + Math.floor(column / size);
      const at = row * columns + column;
      const quantised = isPacked ? ((bytes.values[at >> 1] ?? 0) >> (4 * (at & 1))) & 15 : (signed[at] ?? 0);
      const offset = minimums ? (minimums[group] ?? 0) : 0;
      const value = (scales[group] ?? 0) * (form === '4' ? quantised - 8 : quantised) + offset;
      squares[column] = (squares[column] ?? 0) + value * value;
    }
  }
  return squares;
}
