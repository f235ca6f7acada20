import { Best } from './best';
import { type Asked, Bm25, FIRST_OF_LAST, rarity, WHOLE } from './bm25';
import { checkTerms, eachPiece, type FileTerms, idAt, pushPiece, renumbered } from './fileTerms';
import { Postings, searchFile } from './postings';
import { folded, mayBecome, termsOf, termsOfQuery, unfinishedIn } from './terms';
import { Vocabulary } from './vocabulary';

/** What of a piece is found by words. */
export interface Wording {
  /** Of the function, the heading or the picture. */
  readonly name?: string | undefined;
  readonly text?: string | undefined;
}

/** A piece that has words of the query. */
export interface WordHit {
  readonly path: string;
  /** Among the pieces of its file. */
  readonly index: number;
  /** BM25 as a share of the most that a piece can have for the query, 0 to 1. */
  readonly score: number;
}

/** An index as it is stored. */
export interface WordImage {
  /** Their places are their numbers. */
  readonly vocabulary: readonly string[];
  readonly files: ReadonlyMap<string, FileTerms>;
}

/** A word in the name, and one in the path, counts as so many in the text. */
const NAME_WEIGHT = 5;
const PATH_WEIGHT = 1;
/** A word that begins as the unfinished one does is worth less than that word itself. */
const START_SHARE = 0.7;
/** More words of a query do not count. */
const MAX_QUERY_TERMS = FIRST_OF_LAST - 1;
/** The slots of an unfinished word: as it stands, and all that begin with it. */
const LAST = FIRST_OF_LAST;
const START = LAST + 1;
/** Files are added to the inverted index together, once they have so many elements, and this share of all: until then they are read through. */
const MIN_LATE = 1 << 16;
const LATE_SHARE = 1 / 8;

/** The words of pieces. Most are in an inverted index; files that have changed since it was made are read through, and those that have gone are left out. */
export class WordIndex {
  private readonly vocabulary = new Vocabulary();
  private readonly files = new Map<string, FileTerms>();
  private postings = new Postings(new Map(), 0);
  /** Files that are not in the inverted index. */
  private readonly late = new Map<string, FileTerms>();
  /** Files of the inverted index that are no more, or others now. */
  private readonly gone = new Set<string>();
  /** Of all pieces: their number, and the words in their texts. */
  private count = 0;
  private length = 0;
  /** Elements of the arrays: of all, of the late files, and of what has gone. */
  private elements = 0;
  private lateElements = 0;
  private goneElements = 0;

  get bytes(): number {
    return this.elements * Uint32Array.BYTES_PER_ELEMENT + this.postings.bytes;
  }

  /** The pieces of a file are these now. */
  set(path: string, pieces: readonly Wording[]): void {
    this.remove(path);
    const elements: number[] = [];
    for (const piece of pieces) this.write(elements, path, piece);
    if (elements.length > 0) this.keep(path, Uint32Array.from(elements));
  }

  remove(path: string): void {
    const file = this.files.get(path);
    if (!file) return;
    this.files.delete(path);
    this.elements -= file.length;
    if (this.late.delete(path)) this.lateElements -= file.length;
    else {
      this.gone.add(path);
      this.goneElements += file.length;
    }
    eachPiece(file, (first, end, length) => {
      this.count--;
      this.length -= length;
      for (let at = first; at < end; at++) this.vocabulary.release(idAt(file, at));
    });
    if (this.files.size === 0) this.invert();
  }

  /**
   * The pieces that have most of the words of a query, best first; of equal ones the first that came.
   * @param isUnfinished whether the last word may go on
   */
  search(query: string, count: number, isUnfinished = false): WordHit[] {
    const asked = this.read(query, isUnfinished);
    if (!asked) return [];
    if (this.lateElements + this.goneElements > Math.max(MIN_LATE, LATE_SHARE * this.elements)) this.invert();
    const best = new Best<WordHit>(count);
    const bm25 = new Bm25(this.length / Math.max(1, this.count));
    const visit = (path: string, index: number, sum: number) => {
      const score = sum / WHOLE;
      if (best.takes(score)) best.add({ path, index, score });
    };
    this.postings.search(asked, bm25, this.gone, visit);
    for (const [path, file] of this.late) searchFile(path, file, asked, bm25, visit);
    return best.sorted();
  }

  image(): WordImage {
    const vocabulary: string[] = [];
    const numbers = new Uint32Array(this.vocabulary.end);
    for (const [word, id] of this.vocabulary.entries()) numbers[id] = vocabulary.push(word) - 1;
    const files = new Map<string, FileTerms>();
    for (const [path, file] of this.files) files.set(path, renumbered(file, numbers));
    return { vocabulary, files };
  }

  /** Into an empty index. @throws {RangeError} if an array is none of ours */
  restore({ vocabulary, files }: WordImage): void {
    const ids = Uint32Array.from(vocabulary, (word) => this.vocabulary.add(word));
    for (const [path, file] of files) {
      checkTerms(file, ids.length);
      this.keep(path, renumbered(file, ids));
    }
    this.invert();
  }

  /** All files are in the inverted index, and nothing else is. */
  private invert(): void {
    this.postings = new Postings(this.files, this.vocabulary.end);
    this.late.clear();
    this.gone.clear();
    this.lateElements = this.goneElements = 0;
  }

  private keep(path: string, file: FileTerms): void {
    this.files.set(path, file);
    this.late.set(path, file);
    this.elements += file.length;
    this.lateElements += file.length;
    eachPiece(file, (first, end, length) => {
      this.count++;
      this.length += length;
      for (let at = first; at < end; at++) this.vocabulary.use(idAt(file, at));
    });
  }

  private write(elements: number[], path: string, { name = '', text = '' }: Wording): void {
    const frequencies = new Map<string, number>();
    let length = 0;
    const count = (from: string, weight: number, isPath = false) => {
      for (const { word, isCompound } of termsOf(from)) {
        frequencies.set(word, (frequencies.get(word) ?? 0) + weight);
        if (!isCompound && !isPath) length++;
      }
    };
    count(text, 1);
    count(name, NAME_WEIGHT);
    count(path, PATH_WEIGHT, true);
    pushPiece(
      elements,
      length,
      Array.from(frequencies, ([word, frequency]) => [this.vocabulary.add(word), frequency] as const),
    );
  }

  /** The terms of a query; undefined if it has none. */
  private read(query: string, isUnfinished: boolean): Asked | undefined {
    const { vocabulary } = this;
    const asked = {
      ids: [] as number[],
      slots: new Uint8Array(vocabulary.end),
      weights: new Float64Array(START + 1),
    };
    const starts = isUnfinished ? unfinishedIn(query) : [];
    const last = folded(starts[0] ?? '');
    let sum = 0;
    let next = 1;
    for (const { word, count, isCompound } of askedIn(query)) {
      const id = vocabulary.idOf(word);
      // The parts of an identifier that is nowhere are asked for too, and a word that goes on may be nowhere yet.
      if (id === undefined && (isCompound || word === last)) continue;
      const slot = word === last ? LAST : next++;
      const weight = count * rarity(id === undefined ? 0 : vocabulary.countOf(id), this.count);
      if (id !== undefined) ask(asked, id, slot);
      asked.weights[slot] = weight;
      sum += weight;
    }
    if (starts.length > 0) sum += this.readStarts(starts, asked);
    if (sum === 0) return undefined;
    return { ...asked, weights: asked.weights.map((weight) => (weight * WHOLE) / sum) };
  }

  /** @returns what it adds to the most that a piece can have */
  private readStarts(starts: readonly string[], asked: Writable): number {
    let pieces = 0;
    for (const start of starts) {
      for (const [word, id] of this.vocabulary.near(start)) {
        if (asked.slots[id] !== 0 || !mayBecome(word, start)) continue;
        ask(asked, id, START);
        pieces += this.vocabulary.countOf(id);
      }
    }
    const rare = rarity(Math.min(this.count, pieces), this.count);
    const exact = asked.weights[LAST] ?? 0;
    asked.weights[START] = exact > 0 ? START_SHARE * Math.min(exact, rare) : rare;
    return exact > 0 ? 0 : rare;
  }
}

type Writable = Asked & { readonly ids: number[] };

function ask({ ids, slots }: Writable, id: number, slot: number): void {
  ids.push(id);
  slots[id] = slot;
}

/** The terms of a query, each once. */
function askedIn(query: string) {
  const asked = new Map<string, { word: string; count: number; isCompound: boolean }>();
  for (const { word, isCompound } of termsOfQuery(query)) {
    const known = asked.get(word);
    if (known) known.count++;
    else if (asked.size < MAX_QUERY_TERMS) asked.set(word, { word, count: 1, isCompound });
  }
  return asked.values();
}
