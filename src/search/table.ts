import type { VectorIndex } from './embedder';
import { fuse, type Scores } from './fusion';
import type { FileTerms } from './words/fileTerms';
import { WordIndex, type Wording } from './words/wordIndex';

/** A piece of a file. */
export interface Item<Row> {
  /** Of what is embedded: equal contents share a vector. */
  readonly hash: string;
  readonly row: Row;
  /** By which it is found before it is embedded, and afterwards too. */
  readonly wording: Wording;
}

/** What is looked for: words, a vector, or both. */
export interface TableQuery {
  readonly words?: string;
  /** Whether the last word may go on. */
  readonly isUnfinished?: boolean;
  readonly vector?: Float32Array;
  /** What the score of the pieces of a file is multiplied with. */
  readonly prior?: (path: string) => number;
}

export interface TableHit<Row> extends Scores {
  readonly path: string;
  readonly row: Row;
}

/** A table as it is stored: the hash of each vector, and the rows of each file, which name their vectors by number. */
export interface TableImage<Row> {
  readonly hashes: readonly string[];
  /** [vectors, dimensions] */
  readonly values: Int8Array;
  /** The terms of the files, by number. */
  readonly vocabulary: readonly string[];
  readonly files: readonly FileImage<Row>[];
}

export interface FileImage<Row> {
  readonly path: string;
  readonly stamp: string;
  /** A number below 0 is a state without a vector. */
  readonly rows: readonly (readonly [vector: number, row: Row])[];
  readonly terms: FileTerms;
}

/** States of a content without a vector: it is to be embedded, cannot be embedded, or is nothing that could be shown. */
const WAITING = -1;
const FAILED = -2;
const NOTHING = -3;
/** The least number that a stored row may name instead of a vector. */
export const NO_VECTOR = NOTHING;
/** So many of each ranking are compared at least: the best by both need not be among the first of either, which may be tests. */
const MIN_CANDIDATES = 500;

/** A content. 100,000 of them are in memory, so they have no arrays: one with a single element takes 150 bytes. */
interface Vector<Row> {
  /** In the index of vectors, or one of the states above. */
  id: number;
  readonly hash: string;
  /** The first of a list; undefined if no file has it any more. */
  first: Place<Row> | undefined;
}

interface Place<Row> {
  readonly path: string;
  readonly row: Row;
  readonly vector: Vector<Row>;
  /** Of the same vector. Many files may have it, a licence for example. */
  before: Place<Row> | undefined;
  next: Place<Row> | undefined;
}

interface KnownFile<Row> {
  /** Of the file's state that its rows are from. */
  readonly stamp: string;
  readonly places: Place<Row>[];
}

/**
 * The rows of files, their words and the vectors of their contents. It knows nothing of what a row is. A content that several files
 * have, or that a file has under another name, is embedded once.
 */
export class Table<Row> {
  private readonly files = new Map<string, KnownFile<Row>>();
  private readonly byHash = new Map<string, Vector<Row>>();
  private readonly byId: (Vector<Row> | undefined)[] = [];
  private readonly freeIds: number[] = [];
  /** Vectors of no file. */
  private readonly orphans = new Set<Vector<Row>>();
  private readonly words = new WordIndex();
  private count = 0;
  private embeddedCount = 0;

  constructor(private readonly vectors: VectorIndex) {}

  /** Rows of all files. */
  get size(): number {
    return this.count;
  }

  /** Those that have a vector. */
  get embedded(): number {
    return this.embeddedCount;
  }

  get bytes(): number {
    return this.vectors.bytes + this.words.bytes;
  }

  get paths(): Iterable<string> {
    return this.files.keys();
  }

  /** Of the state of a file that its rows are from; undefined if it is not known. */
  stampOf(path: string): string | undefined {
    return this.files.get(path)?.stamp;
  }

  /** Whether no row of a file waits for its vector. */
  isWhole(path: string): boolean {
    return this.files.get(path)?.places.every(({ vector }) => vector.id !== WAITING) ?? false;
  }

  rowsOf(path: string): readonly Row[] {
    return this.files.get(path)?.places.map(({ row }) => row) ?? [];
  }

  /**
   * The pieces of a file are these now. They are found by their words at once.
   * @param stamp of the file's state
   */
  place(path: string, stamp: string, items: readonly Item<Row>[]): void {
    const old = this.files.get(path);
    const file: KnownFile<Row> = { stamp, places: [] };
    this.files.set(path, file);
    for (const { hash, row } of items) this.hold(path, file, this.vectorOf(hash), row);
    this.words.set(
      path,
      items.map(({ wording }) => wording),
    );
    // After the new ones, so that what stays is not given up in between.
    if (old) this.release(old);
  }

  /** Whether a content of a file is to be embedded. */
  lacks(hash: string): boolean {
    return this.byHash.get(hash)?.id === WAITING;
  }

  /**
   * Contents were embedded. Those that no file has any more are left out.
   * @param vectors [hashes, dimensions]
   */
  add(hashes: readonly string[], vectors: Float32Array): void {
    const dimensions = vectors.length / Math.max(1, hashes.length);
    const ids: number[] = [];
    const packed = new Float32Array(vectors.length);
    for (const [i, hash] of hashes.entries()) {
      const vector = this.byHash.get(hash);
      if (!vector || vector.id >= 0) continue;
      vector.id = this.freeIds.pop() ?? this.byId.length;
      this.byId[vector.id] = vector;
      packed.set(vectors.subarray(i * dimensions, (i + 1) * dimensions), ids.length * dimensions);
      ids.push(vector.id);
      for (let place = vector.first; place; place = place.next) this.embeddedCount++;
    }
    if (ids.length > 0) this.vectors.set(Int32Array.from(ids), packed.subarray(0, ids.length * dimensions));
  }

  /** Contents that cannot be embedded. @param isNothing whether they are not shown either */
  giveUp(hashes: readonly string[], isNothing: boolean): void {
    for (const hash of hashes) {
      const vector = this.byHash.get(hash);
      if (vector?.id === WAITING) vector.id = isNothing ? NOTHING : FAILED;
    }
  }

  /**
   * Nothing of a file is found any more. Its vectors stay until `sweep`, because the file may have another name now.
   * @returns whether it was known
   */
  remove(path: string): boolean {
    const file = this.files.get(path);
    this.files.delete(path);
    this.words.remove(path);
    if (file) this.release(file);
    return file !== undefined;
  }

  /** Drop the vectors of no file. */
  sweep(): void {
    if (this.orphans.size === 0) return;
    const ids = Array.from(this.orphans, ({ id }) => id);
    for (const { id, hash } of this.orphans) {
      this.byHash.delete(hash);
      this.byId[id] = undefined;
      this.freeIds.push(id);
    }
    this.orphans.clear();
    this.vectors.remove(Int32Array.from(ids));
  }

  /** The best by words and vector together, best first. @param weight of the vector, 0 to 1 */
  async search(
    { words = '', isUnfinished = false, vector, prior }: TableQuery,
    count: number,
    weight: number,
  ): Promise<TableHit<Row>[]> {
    if (this.count === 0) return [];
    const candidates = Math.max(MIN_CANDIDATES, 4 * count);
    const near = vector ? await this.nearest(vector, candidates) : [];
    const worded = this.words.search(words, candidates, isUnfinished).flatMap(({ path, index, score }) => {
      const key = this.files.get(path)?.places[index];
      return key && key.vector.id !== NOTHING ? [{ key, score }] : [];
    });
    const options = {
      count,
      weight: vector && words !== '' ? weight : vector ? 1 : 0,
      prior: prior && (({ path }: Place<Row>) => prior(path)),
    };
    return fuse(worded, near, options).map(({ key: { path, row }, ...scores }) => ({ path, row, ...scores }));
  }

  image(): TableImage<Row> {
    this.sweep();
    const { ids, values } = this.vectors.export();
    const numbers = new Map<number, number>();
    ids.forEach((id, i) => numbers.set(id, i));
    const { vocabulary, files } = this.words.image();
    return {
      hashes: Array.from(ids, (id) => this.byId[id]?.hash ?? ''),
      values,
      vocabulary,
      files: Array.from(this.files, ([path, { stamp, places }]) => ({
        path,
        stamp,
        rows: places.map(({ vector, row }) => [numbers.get(vector.id) ?? Math.min(WAITING, vector.id), row] as const),
        terms: files.get(path) ?? new Uint32Array(),
      })),
    };
  }

  /** Into an empty table. @throws {RangeError} if the terms are none of ours */
  restore({ hashes, values, vocabulary, files }: TableImage<Row>): void {
    this.vectors.import(Int32Array.from(hashes.keys()), values);
    for (const [id, hash] of hashes.entries()) {
      const vector = { id, hash, first: undefined };
      this.byId[id] = vector;
      this.byHash.set(hash, vector);
      this.orphans.add(vector);
    }
    for (const { path, stamp, rows } of files) {
      const file: KnownFile<Row> = { stamp, places: [] };
      this.files.set(path, file);
      for (const [number, row] of rows) {
        // The file is read again, which says what is to be embedded.
        const none = { id: number, hash: '', first: undefined };
        this.hold(path, file, this.byId[number] ?? none, row);
      }
    }
    this.words.restore({ vocabulary, files: new Map(files.map(({ path, terms }) => [path, terms])) });
    this.sweep();
  }

  private async nearest(query: Float32Array, count: number): Promise<{ key: Place<Row>; score: number }[]> {
    if (this.embeddedCount === 0) return [];
    const { ids, scores } = await this.vectors.search(query, count + this.orphans.size);
    const hits: { key: Place<Row>; score: number }[] = [];
    ids.forEach((id, i) => {
      const score = scores[i] ?? 0;
      for (let key = this.byId[id]?.first; key; key = key.next) hits.push({ key, score });
    });
    return hits;
  }

  private vectorOf(hash: string): Vector<Row> {
    const known = this.byHash.get(hash);
    if (known) return known;
    const vector = { id: WAITING, hash, first: undefined };
    this.byHash.set(hash, vector);
    return vector;
  }

  private hold(path: string, file: KnownFile<Row>, vector: Vector<Row>, row: Row): void {
    const place: Place<Row> = { path, row, vector, before: undefined, next: vector.first };
    if (vector.first) vector.first.before = place;
    vector.first = place;
    file.places.push(place);
    this.orphans.delete(vector);
    this.count++;
    if (vector.id >= 0) this.embeddedCount++;
  }

  private release({ places }: KnownFile<Row>): void {
    for (const place of places) {
      const { vector, before, next } = place;
      if (before) before.next = next;
      else vector.first = next;
      if (next) next.before = before;
      if (vector.id >= 0) this.embeddedCount--;
      if (vector.first) continue;
      if (vector.id >= 0) this.orphans.add(vector);
      else if (this.byHash.get(vector.hash) === vector) this.byHash.delete(vector.hash);
    }
    this.count -= places.length;
  }
}
