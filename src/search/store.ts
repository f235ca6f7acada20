import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { renameOnceFree } from '../machine/replaceFile';
import { isObject } from '../matlm/json';
import { partialOf } from './storage';
import { type FileImage, NO_VECTOR, type TableImage } from './table';
import type { FileTerms } from './words/fileTerms';

/** A file begins with both, and ends with the SHA-256 of everything before that. */
const KIND = 'matcoder index ';
const MAGIC = `${KIND}2\n`;
const DIGEST_BYTES = 32;
/** A larger file is none of ours. */
const MAX_BYTES = 400_000_000;
/** So many files are put into one piece of JSON, so that no long string is made. */
const FILES_AT_ONCE = 500;
/** To hash more takes longer than a pause may. */
const BYTES_AT_ONCE = 1_000_000;

/** What has to be the same for stored vectors to be of use. */
export interface StoreIdentity {
  /** Of what the rows are: `code` or `pictures`. */
  readonly kind: string;
  /** Of the encoder. */
  readonly encoder: string;
  readonly dimensions: number;
  /** Of the way in which files are taken apart. */
  readonly version: number;
  /** Of the way in which texts are split into terms. */
  readonly terms: number;
}

/** The table in a file, or the reason why there is none: an index is then made from the beginning. */
export type Stored<Row> =
  { readonly image: TableImage<Row> } | { readonly reason: 'missing' | 'another encoder or version' | 'damaged' };

/** Never throws, whatever the file holds. @param isRow whether a value is a row */
export async function readStore<Row>(
  file: string,
  identity: StoreIdentity,
  isRow: (value: unknown) => value is Row,
): Promise<Stored<Row>> {
  let bytes: Buffer;
  try {
    const entry = await stat(file);
    if (!entry.isFile() || entry.size > MAX_BYTES) return { reason: 'damaged' };
    bytes = await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { reason: code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'damaged' };
  }
  try {
    return parse(bytes, identity, isRow);
  } catch {
    return { reason: 'damaged' };
  }
}

/** @throws if the bytes are not what they claim to be */
function parse<Row>(bytes: Buffer, identity: StoreIdentity, isRow: (value: unknown) => value is Row): Stored<Row> {
  const end = bytes.length - DIGEST_BYTES;
  const headEnd = bytes.indexOf(10, MAGIC.length);
  const magic = bytes.toString('latin1', 0, MAGIC.length);
  if (magic !== MAGIC && magic.startsWith(KIND)) return { reason: 'another encoder or version' };
  if (magic !== MAGIC || headEnd < 0 || headEnd >= end) return { reason: 'damaged' };
  const head: unknown = JSON.parse(bytes.toString('utf8', MAGIC.length, headEnd));
  if (!isObject(head)) return { reason: 'damaged' };
  const isSame = Object.entries(identity).every(([key, value]) => head[key] === value);
  if (!isSame) return { reason: 'another encoder or version' };
  const digest = createHash('sha256').update(bytes.subarray(0, end)).digest();
  if (!digest.equals(bytes.subarray(end))) return { reason: 'damaged' };
  const [count, elements] = [Number(head.vectors), Number(head.elements)];
  const valuesEnd = headEnd + 1 + count * identity.dimensions;
  const termsEnd = valuesEnd + elements * Uint32Array.BYTES_PER_ELEMENT;
  if (!isCount(count) || !isCount(elements) || termsEnd > end) return { reason: 'damaged' };
  const values = new Int8Array(bytes.buffer, bytes.byteOffset + headEnd + 1, count * identity.dimensions);
  // A copy, because its place in the file is no multiple of four.
  const terms = new Uint32Array(Uint8Array.from(bytes.subarray(valuesEnd, termsEnd)).buffer);
  const [hashLine = '', vocabularyLine = '', ...lines] = bytes
    .toString('utf8', termsEnd, end)
    .split('\n')
    .filter((line) => line !== '');
  const hashes: unknown = JSON.parse(hashLine);
  const vocabulary: unknown = JSON.parse(vocabularyLine);
  if (!isTexts(hashes) || hashes.length !== count || !isTexts(vocabulary)) return { reason: 'damaged' };
  const files = new Files(count, terms, isRow);
  return { image: { hashes, values, vocabulary, files: lines.flatMap((line) => files.parse(JSON.parse(line))) } };
}

/** The files of a store, in their order: each takes its terms from where those of the one before end. */
class Files<Row> {
  private taken = 0;

  constructor(
    private readonly vectors: number,
    private readonly terms: FileTerms,
    private readonly isRow: (value: unknown) => value is Row,
  ) {}

  /** @throws if a line is not what it should be */
  parse(json: unknown): FileImage<Row>[] {
    if (!Array.isArray(json)) throw new TypeError('no list of files');
    return json.map((entry: unknown) => {
      const [path, stamp, rows, elements] = Array.isArray(entry) ? (entry as unknown[]) : [];
      if (!isText(path) || !isText(stamp) || !Array.isArray(rows) || !isCount(elements)) throw new TypeError('no file');
      const terms = this.terms.slice(this.taken, (this.taken += elements));
      if (terms.length !== elements) throw new RangeError('no such terms');
      return { path, stamp, rows: rows.map((row) => this.row(row)), terms };
    });
  }

  private row(pair: unknown): readonly [number, Row] {
    const [vector, row] = Array.isArray(pair) ? (pair as unknown[]) : [];
    if (!Number.isInteger(vector) || !this.isRow(row)) throw new TypeError('no row');
    const number = vector as number;
    if (number < NO_VECTOR || number >= this.vectors) throw new RangeError('no such vector');
    return [number, row];
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/**
 * Replace the file at once: a reader sees the old one or the new one.
 * @throws the error of the system, such as ENOSPC; the old file is unchanged then
 */
export async function writeStore<Row>(file: string, identity: StoreIdentity, image: TableImage<Row>): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const partial = partialOf(file);
  const handle = await open(partial, 'w', 0o600);
  const hash = createHash('sha256');
  const write = async (piece: string | Uint8Array) => {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    hash.update(bytes);
    await handle.writeFile(bytes);
  };
  try {
    try {
      const { hashes, values, vocabulary, files } = image;
      const elements = files.reduce((sum, { terms }) => sum + terms.length, 0);
      await write(MAGIC);
      await write(`${JSON.stringify({ ...identity, vectors: hashes.length, elements })}\n`);
      for (let first = 0; first < values.length; first += BYTES_AT_ONCE) {
        const some = values.subarray(first, first + BYTES_AT_ONCE);
        await write(new Uint8Array(some.buffer, some.byteOffset, some.byteLength));
      }
      for (let first = 0; first < files.length; first += FILES_AT_ONCE) {
        const some = files.slice(first, first + FILES_AT_ONCE);
        await write(
          Buffer.concat(some.map(({ terms }) => Buffer.from(terms.buffer, terms.byteOffset, terms.byteLength))),
        );
      }
      await write(`${JSON.stringify(hashes)}\n${JSON.stringify(vocabulary)}\n`);
      for (let first = 0; first < files.length; first += FILES_AT_ONCE) {
        const some = files.slice(first, first + FILES_AT_ONCE);
        const lines = some.map(({ path, stamp, rows, terms }) => [path, stamp, rows, terms.length]);
        await write(`${JSON.stringify(lines)}\n`);
      }
      await handle.writeFile(hash.digest());
      await handle.sync();
    } finally {
      await handle.close();
    }
    await renameOnceFree(partial, file);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw error;
  }
}
