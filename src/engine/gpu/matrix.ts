import { readSync } from 'node:fs';
import type { TensorEntry } from '../../matlm/safetensors';
import { GROUP } from '../../matlm/tensors';

/** How the weights of a matrix are quantised on the card: one file of kernels/ each. */
export type MatrixForm = 'rows8' | 'groups8' | 'groups4' | 'groups4min';

/** Columns of a block, which one word of four times 32 bits holds in int8, and rows of a panel. */
export const BLOCK = 16;

/** A matrix goes to the card in panels of 16 rows, two of which make a tile of the kernel for several tokens. */
const TILE_ROWS = 32;

/** A matrix as it lies on the card, see the file of its form in kernels/. */
export interface MatrixShape {
  readonly form: MatrixForm;
  readonly rows: number;
  /** A multiple of 16, and of 32 if it is in groups. */
  readonly columns: number;
}

/** Where parts of a checkpoint come together in one matrix: the rows of its panels in turn. */
export interface MatrixSource extends MatrixShape {
  /** Names without `.weight` of matrices with the same number of columns, in the same form. */
  readonly parts: readonly Part[];
  /** Panels of two parts alternate. By default a part follows the one before. */
  readonly alternates?: true;
}

export interface Part {
  readonly name: string;
  readonly rows: number;
}

/** The file of a checkpoint, open for reading. */
export interface WeightsFile {
  readonly descriptor: number;
  readonly tensors: Tensors;
}

export type Tensors = Readonly<Record<string, TensorEntry>>;

/** Rows that a matrix has on the card; those that are added are zero. */
export function paddedRows(rows: number): number {
  return Math.ceil(rows / TILE_ROWS) * TILE_ROWS;
}

export function weightBytes({ form, rows, columns }: MatrixShape): number {
  return (paddedRows(rows) * columns * blockWords(form)) / 4;
}

export function scaleBytes({ form, rows, columns }: MatrixShape): number {
  return paddedRows(rows) * (form === 'rows8' ? 4 : (columns / GROUP) * (form === 'groups4min' ? 4 : 2));
}

/** Words of a block on the card, and of 16 columns in a checkpoint. */
function blockWords(form: MatrixForm): number {
  return form === 'rows8' || form === 'groups8' ? 4 : 2;
}

/** The form in which a matrix of a checkpoint goes to the card. @param name without `.weight` */
export function formOf(name: string, tensors: Tensors): MatrixForm {
  if (tensors[`${name}.weight_packed`]) return tensors[`${name}.weight_min`] ? 'groups4min' : 'groups4';
  const scale = tensors[`${name}.weight_scale`];
  return scale && scale.shape[1] !== 1 ? 'groups8' : 'rows8';
}

/**
 * Reads a matrix and writes it in the card's order.
 * @param weights [paddedRows / 16, columns / 16, 16] blocks
 * @param scales of weightBytes and scaleBytes
 */
export function packMatrix(file: WeightsFile, source: MatrixSource, weights: Uint32Array, scales: Uint32Array): void {
  const { form, parts, alternates } = source;
  let firstPanel = 0;
  for (const [i, { name, rows }] of parts.entries()) {
    const first = firstPanel;
    // The row on the card of a row of the part.
    const place = (row: number) => {
      const panel = Math.floor(row / BLOCK);
      return (alternates ? panel * parts.length + i : first + panel) * BLOCK + (row % BLOCK);
    };
    if (form === 'rows8') {
      const part = readRows(file, name, rows, source.columns);
      packBlocks(source, rows, new Uint32Array(part.values.buffer), place, weights);
      const floats = new Float32Array(scales.buffer, scales.byteOffset, scales.length);
      for (let row = 0; row < rows; row++) floats[place(row)] = part.scales[row] ?? 0;
    } else {
      const tensor = form === 'groups8' ? `${name}.weight` : `${name}.weight_packed`;
      packBlocks(source, rows, new Uint32Array(readTensor(file, tensor).buffer), place, weights);
      packGroups(file, source, name, rows, place, scales);
    }
    firstPanel += rows / BLOCK;
  }
}

function packBlocks(
  { form, columns }: MatrixShape,
  rows: number,
  words: Uint32Array,
  place: (row: number) => number,
  out: Uint32Array,
): void {
  const blocks = columns / BLOCK;
  const size = blockWords(form);
  for (let row = 0; row < rows; row++) {
    const to = place(row);
    const [panel, lane] = [Math.floor(to / BLOCK), to % BLOCK];
    for (let block = 0; block < blocks; block++) {
      const from = (row * blocks + block) * size;
      const at = ((panel * blocks + block) * BLOCK + lane) * size;
      for (let i = 0; i < size; i++) {
        const word = words[from + i] ?? 0;
        out[at + i] = size === 4 ? word : inCardOrder(word);
      }
    }
  }
}

/** Eight weights of 4 bits, from neighbours in a byte to those of columns 0 to 3 in the low bits and 4 to 7 in the high ones. */
function inCardOrder(word: number): number {
  let out = 0;
  for (let column = 0; column < 8; column++) out |= ((word >>> (4 * column)) & 15) << (8 * (column % 4) + (column & 4));
  return out;
}

/** Scales, and minimums if there are any, as float16 [rows / 16, columns / 32, 16]. */
function packGroups(
  file: WeightsFile,
  { form, columns }: MatrixShape,
  name: string,
  rows: number,
  place: (row: number) => number,
  out: Uint32Array,
): void {
  const groups = columns / GROUP;
  const scales = new Uint16Array(readTensor(file, `${name}.weight_scale`).buffer);
  const minimums = form === 'groups4min' ? new Uint16Array(readTensor(file, `${name}.weight_min`).buffer) : undefined;
  const halves = new Uint16Array(out.buffer, out.byteOffset, 2 * out.length);
  for (let row = 0; row < rows; row++) {
    const to = place(row);
    const [panel, lane] = [Math.floor(to / BLOCK), to % BLOCK];
    for (let group = 0; group < groups; group++) {
      const at = (panel * groups + group) * BLOCK + lane;
      const [scale, minimum] = [scales[row * groups + group] ?? 0, minimums?.[row * groups + group] ?? 0];
      if (!minimums) halves[at] = scale;
      else [halves[2 * at], halves[2 * at + 1]] = [scale, minimum];
    }
  }
}

/** Numbers that no vector is multiplied with. */
export function readFloats(file: WeightsFile, name: string): Float32Array {
  const { buffer } = readTensor(file, name);
  return file.tensors[name]?.dtype === 'F16' ? floatsOfHalves(new Uint16Array(buffer)) : new Float32Array(buffer);
}

/** Rows of int8 with a scale each. Floats are quantised, as the native engine does. */
function readRows(file: WeightsFile, name: string, rows: number, columns: number) {
  if (file.tensors[`${name}.weight`]?.dtype === 'I8') {
    const values = new Int8Array(readTensor(file, `${name}.weight`).buffer);
    return { values, scales: readFloats(file, `${name}.weight_scale`) };
  }
  const floats = readFloats(file, `${name}.weight`);
  const values = new Int8Array(rows * columns);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let largest = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) largest = Math.max(largest, Math.abs(floats[i] ?? 0));
    scales[row] = largest / 127;
    const inverse = largest > 1e-30 ? 127 / largest : 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) values[i] = Math.round((floats[i] ?? 0) * inverse);
  }
  return { values, scales };
}

function readTensor({ descriptor, tensors }: WeightsFile, name: string): Uint8Array<ArrayBuffer> {
  const entry = tensors[name];
  if (!entry) throw new Error(`the tensor ${name} is missing`);
  const { begin, end } = entry;
  const bytes = new Uint8Array(end - begin);
  for (let at = 0; at < bytes.length;) {
    const read = readSync(descriptor, bytes, at, bytes.length - at, begin + at);
    if (read === 0) throw new Error('the file of the weights is truncated');
    at += read;
  }
  return bytes;
}

/** IEEE half precision as floats. */
function floatsOfHalves(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, (half) => {
    const exponent = (half >> 10) & 31;
    const fraction = (half & 1023) / 1024;
    const magnitude = exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15);
    return half & 0x8000 ? -magnitude : magnitude;
  });
}
