/**
 * The header of a GGUF file: metadata and the places of the tensors. No weight is read.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 * The npm package @huggingface/gguf is not used: it takes a truncated header for a whole one, because it reads zeros after the
 * end of a file, it does not compare the tensors with the file, and it drops the byte order mark, which is a token of some
 * vocabularies.
 */
import { open } from 'node:fs/promises';
import { regularFileBytes } from '../matlm/regularFile';
import { unreadable } from '../matlm/systemFault';
import { type BlockType, GGML_TYPES } from './ggmlTypes';
import { HeaderReader } from './headerReader';
import { importErrorOf, shown } from './importError';

/** A bigint is a number of 64 bits for which JavaScript has no exact number. */
export type GgufScalar = string | number | bigint | boolean;
export type GgufNumbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;
/** An array of booleans is a Uint8Array. */
export type GgufValue = GgufScalar | readonly string[] | GgufNumbers;

/** By key, such as `tokenizer.ggml.tokens`. Arrays of arrays, which no model has, are left out. */
export type GgufMetadata = ReadonlyMap<string, GgufValue>;

export interface GgufTensor {
  readonly type: BlockType;
  /** Rows first, as everywhere else: GGUF itself begins with the columns. */
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly begin: number;
  readonly end: number;
}

export interface GgufFile {
  readonly file: string;
  readonly fileBytes: number;
  readonly metadata: GgufMetadata;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** A vocabulary of 256,000 tokens with its merges takes about 15 MB. */
const MAX_HEADER_BYTES = 100_000_000;
const MAX_STRING_BYTES = 16_000_000;
const MAX_KEY_BYTES = 65_535;
const MAX_ENTRIES = 100_000;
const MAX_DIMENSIONS = 4;
const MAX_DEPTH = 4;
const ALIGNMENTS: readonly unknown[] = [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

/** Types of metadata by their number. */
const STRING = 8;
const ARRAY = 9;
interface ScalarType {
  readonly bytes: number;
  take(reader: HeaderReader): Exclude<GgufScalar, string>;
  array(bytes: ArrayBuffer): GgufNumbers;
}
const SCALARS: ReadonlyMap<number, ScalarType> = new Map<number, ScalarType>([
  [0, { bytes: 1, take: (reader) => reader.takeUint8(), array: (bytes) => new Uint8Array(bytes) }],
  [1, { bytes: 1, take: (reader) => reader.takeInt8(), array: (bytes) => new Int8Array(bytes) }],
  [2, { bytes: 2, take: (reader) => reader.takeUint16(), array: (bytes) => new Uint16Array(bytes) }],
  [3, { bytes: 2, take: (reader) => reader.takeInt16(), array: (bytes) => new Int16Array(bytes) }],
  [4, { bytes: 4, take: (reader) => reader.takeUint32(), array: (bytes) => new Uint32Array(bytes) }],
  [5, { bytes: 4, take: (reader) => reader.takeInt32(), array: (bytes) => new Int32Array(bytes) }],
  [6, { bytes: 4, take: (reader) => reader.takeFloat32(), array: (bytes) => new Float32Array(bytes) }],
  [7, { bytes: 1, take: (reader) => reader.takeUint8() !== 0, array: (bytes) => new Uint8Array(bytes) }],
  [10, { bytes: 8, take: (reader) => exact(reader.takeUint64()), array: (bytes) => new BigUint64Array(bytes) }],
  [11, { bytes: 8, take: (reader) => exact(reader.takeInt64()), array: (bytes) => new BigInt64Array(bytes) }],
  [12, { bytes: 8, take: (reader) => reader.takeFloat64(), array: (bytes) => new Float64Array(bytes) }],
]);

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/**
 * Read the header of a GGUF file of version 2 or 3, and check every tensor against the file's size. The versions differ only in
 * that 3 may be big-endian, which is refused.
 * @throws {ImportError} naming the file and the fault
 */
export async function readGguf(file: string): Promise<GgufFile> {
  await regularFileBytes(file, 'Choose a GGUF file.');
  const handle = await open(file).catch((error: unknown) => {
    throw importErrorOf(unreadable(file, error));
  });
  try {
    const { size: fileBytes } = await handle.stat();
    const reader = new HeaderReader(file, handle, fileBytes, MAX_HEADER_BYTES);
    const { tensorCount, entryCount } = await readStart(reader);
    const metadata = await readMetadata(reader, entryCount);
    const tensors = await readTensors(reader, tensorCount, alignmentOf(reader, metadata), fileBytes);
    return { file, fileBytes, metadata, tensors };
  } finally {
    await handle.close();
  }
}

async function readStart(reader: HeaderReader): Promise<{ tensorCount: number; entryCount: number }> {
  await reader.fill(4);
  if (reader.takeText(4) !== 'GGUF') reader.fail('it does not begin with GGUF: it is no GGUF file');
  await reader.fill(20);
  const version = reader.takeUint32();
  if (version > 0xffff) reader.fail('its numbers are big-endian, which is not read');
  if (version !== 2 && version !== 3) reader.fail(`it is GGUF of version ${version}; 2 and 3 are read`);
  const counted = (what: string) => {
    const count = reader.takeUint64();
    if (count > BigInt(MAX_ENTRIES)) reader.fail(`it claims ${count.toString()} ${what}, more than ${MAX_ENTRIES}`);
    return Number(count);
  };
  return { tensorCount: counted('tensors'), entryCount: counted('entries of metadata') };
}

async function readMetadata(reader: HeaderReader, count: number): Promise<GgufMetadata> {
  const metadata = new Map<string, GgufValue>();
  const seen = new Set<string>();
  for (let i = 0; i < count; i++) {
    reader.place = `the key ${i + 1} of ${count}`;
    const key = await readString(reader, MAX_KEY_BYTES);
    if (seen.has(key)) reader.fail(`it has the key ${shown(key)} twice`);
    seen.add(key);
    reader.place = `the value of ${shown(key)}`;
    await reader.fill(4);
    const value = await readValue(reader, reader.takeUint32());
    if (value !== undefined) metadata.set(key, value);
  }
  return metadata;
}

async function readValue(reader: HeaderReader, type: number): Promise<GgufValue | undefined> {
  if (type === STRING) return readString(reader, MAX_STRING_BYTES);
  if (type === ARRAY) return readArray(reader, 1);
  const scalar = scalarOf(reader, type);
  await reader.fill(scalar.bytes);
  return scalar.take(reader);
}

function scalarOf(reader: HeaderReader, type: number): ScalarType {
  return SCALARS.get(type) ?? reader.fail(`${reader.place} is of the unknown type ${type}`);
}

async function readArray(reader: HeaderReader, depth: number): Promise<GgufValue | undefined> {
  if (depth > MAX_DEPTH) reader.fail(`${reader.place} has arrays in arrays, ${depth} deep`);
  await reader.fill(12);
  const type = reader.takeUint32();
  const claimed = reader.takeUint64();
  const scalar = type === STRING || type === ARRAY ? undefined : scalarOf(reader, type);
  // The least that an element takes: a string has its length, an array its type and length.
  const least = scalar?.bytes ?? (type === STRING ? 8 : 12);
  if (claimed * BigInt(least) > BigInt(reader.bytesLeft))
    reader.fail(`${reader.place} claims ${claimed.toString()} elements, more than the file has bytes for`);
  const count = Number(claimed);
  if (scalar) {
    await reader.fill(count * scalar.bytes);
    return scalar.array(reader.takeBytes(count * scalar.bytes).buffer);
  }
  if (type === ARRAY) {
    for (let i = 0; i < count; i++) await readArray(reader, depth + 1);
    return undefined;
  }
  const strings: string[] = [];
  for (let i = 0; i < count; i++) {
    if (!reader.has(8)) await reader.fill(8);
    const bytes = takeLength(reader, MAX_STRING_BYTES);
    if (!reader.has(bytes)) await reader.fill(bytes);
    strings.push(reader.takeText(bytes));
  }
  return strings;
}

async function readString(reader: HeaderReader, maxBytes: number): Promise<string> {
  await reader.fill(8);
  const bytes = takeLength(reader, maxBytes);
  await reader.fill(bytes);
  return reader.takeText(bytes);
}

function takeLength(reader: HeaderReader, maxBytes: number): number {
  const length = reader.takeUint64();
  if (length > BigInt(reader.bytesLeft))
    reader.fail(`${reader.place} claims a string of ${length.toString()} bytes, more than the file has left`);
  if (length > BigInt(maxBytes))
    reader.fail(`${reader.place} has a string of ${length.toString()} bytes, more than ${maxBytes}`);
  return Number(length);
}

function alignmentOf(reader: HeaderReader, metadata: GgufMetadata): number {
  const alignment = metadata.get('general.alignment') ?? 32;
  if (!ALIGNMENTS.includes(alignment))
    reader.fail(`general.alignment is ${shown(String(alignment))}, no power of two from 8 to 4096`);
  return alignment as number;
}

async function readTensors(
  reader: HeaderReader,
  count: number,
  alignment: number,
  fileBytes: number,
): Promise<Map<string, GgufTensor>> {
  // Their places count from the end of the header, which is known only when all are read.
  const found = new Map<string, Omit<GgufTensor, 'end'> & { bytes: number }>();
  for (let i = 0; i < count; i++) {
    reader.place = `the tensor ${i + 1} of ${count}`;
    const name = await readString(reader, MAX_KEY_BYTES);
    reader.place = `the tensor ${shown(name)}`;
    if (found.has(name)) reader.fail(`it has ${reader.place} twice`);
    await reader.fill(4);
    const dimensions = reader.takeUint32();
    if (dimensions < 1 || dimensions > MAX_DIMENSIONS)
      reader.fail(`${reader.place} has ${dimensions} dimensions; 1 to ${MAX_DIMENSIONS} are read`);
    await reader.fill(8 * dimensions + 12);
    const sizes = Array.from({ length: dimensions }, () => reader.takeUint64());
    const id = reader.takeUint32();
    const offset = reader.takeUint64();
    const type = GGML_TYPES.get(id) ?? reader.fail(`${reader.place} is of the unknown type ${id}`);
    const bytes = bytesOf(reader, sizes, type);
    if (offset > BigInt(fileBytes)) reader.fail(`${reader.place} begins after the end of the file, which is truncated`);
    if (offset % BigInt(alignment) !== 0n)
      reader.fail(`${reader.place} begins at ${offset.toString()}, which is no multiple of the alignment ${alignment}`);
    found.set(name, { type, shape: sizes.map(Number).reverse(), begin: Number(offset), bytes });
  }
  const start = Math.ceil(reader.position / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const [name, { type, shape, begin, bytes }] of found) {
    const end = start + begin + bytes;
    if (end > fileBytes) {
      const missing = end - fileBytes;
      reader.fail(`the tensor ${shown(name)} ends ${missing} bytes after the end of the file, which is truncated`);
    }
    tensors.set(name, { type, shape, begin: start + begin, end });
  }
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [i, [name, { begin }]] of inOrder.entries()) {
    const before = inOrder[i - 1];
    if (before && begin < before[1].end) reader.fail(`the tensors ${shown(before[0])} and ${shown(name)} overlap`);
  }
  return tensors;
}

/** @param sizes columns first */
function bytesOf(reader: HeaderReader, sizes: readonly bigint[], { name, values, bytes }: BlockType): number {
  const [columns = 0n] = sizes;
  if (sizes.includes(0n)) reader.fail(`${reader.place} has a dimension of 0`);
  if (columns % BigInt(values) !== 0n)
    reader.fail(`${reader.place} has ${columns.toString()} columns, no multiple of the ${values} in a block of ${name}`);
  const total = (sizes.reduce((product, size) => product * size, 1n) / BigInt(values)) * BigInt(bytes);
  if (total > BigInt(Number.MAX_SAFE_INTEGER))
    reader.fail(`${reader.place} would take ${total.toString()} bytes, more than any file has`);
  return Number(total);
}
