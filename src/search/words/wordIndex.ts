import { Best } from './best';
import { folded, mayBecome, termsOf, unfinishedIn } from './terms';
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

/**
 * The pieces of a file one after the other, each with a head and its terms. The head has the number of terms in the lower 16 bits
 * and the length in words in the upper ones. A term has its frequency in the lower 8 bits, and above them its number in the vocabulary.
 */
export type FileTerms = Uint32Array;

const MAX_FREQUENCY = 0xff;
const MAX_LENGTH = 0xffff;
/** The numbers of terms have 24 bits: far more than 100,000 pieces have. */
const MAX_TERMS = 1 << 24;

/** A word in the name, and one in the path, counts as so many in the text. */
const NAME_WEIGHT = 5;
const PATH_WEIGHT = 1;
/** BM25 in Lucene's form. */
const K1 = 1.5;
const B = 0.75;
/** A word that begins as the unfinished one does is worth less than that word itself. */
const START_SHARE = 0.7;
/** More words of a query do not count. */
const MAX_QUERY_TERMS = 64;
/** The slots of an unfinished word: as it stands, and all that begin with it. Others are below. */
const LAST = MAX_QUERY_TERMS + 1;
const START = LAST + 1;

/** The words of pieces. One pass over all pieces answers a query. */
export class WordIndex {
  private readonly vocabulary = new Vocabulary();
  private readonly files = new Map<string, FileTerms>();
  /** Of all pieces: their number, the words in their texts, and the elements of the arrays. */
  private count = 0;
  private length = 0;
  private elements = 0;

  get bytes(): number {
    return this.elements * Uint32Array.BYTES_PER_ELEMENT;
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
    eachPiece(file, (first, end, length) => {
      this.count--;
      this.length -= length;
      for (let at = first; at < end; at++) this.vocabulary.release(idAt(file, at));
    });
  }

  /**
   * The pieces that have most of the words of a query, best first.
   * @param isUnfinished whether the last word may go on
   */
  search(query: string, count: number, isUnfinished = false): WordHit[] {
    const { slots, weights, sum } = this.read(query, isUnfinished);
    const best = new Best<WordHit>(count);
    if (sum === 0) return [];
    const perWord = (K1 * B) / Math.max(1, this.length / Math.max(1, this.count));
    for (const [path, file] of this.files) {
      for (let at = 0, index = 0; at < file.length; index++) {
        const head = file[at++] ?? 0;
        const end = at + (head & MAX_LENGTH);
        const norm = K1 * (1 - B) + perWord * (head >>> 16);
        let [score, last] = [0, 0];
        for (; at < end; at++) {
          const term = file[at] ?? 0;
          const slot = slots[term >>> 8] ?? 0;
          if (slot === 0) continue;
          const frequency = term & MAX_FREQUENCY;
          const part = ((weights[slot] ?? 0) * frequency) / (frequency + norm);
          if (slot < LAST) score += part;
          else if (part > last) last = part;
        }
        score = (score + last) / sum;
        if (score > 0 && best.takes(score)) best.add({ path, index, score });
      }
    }
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
      check(file, ids.length);
      this.keep(path, renumbered(file, ids));
    }
  }

  private keep(path: string, file: FileTerms): void {
    this.files.set(path, file);
    this.elements += file.length;
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
    const head = elements.push(0) - 1;
    for (const [word, frequency] of frequencies) {
      const id = this.vocabulary.add(word);
      if (id < MAX_TERMS) elements.push(id * 256 + Math.min(MAX_FREQUENCY, frequency));
    }
    elements[head] = Math.min(MAX_LENGTH, length) * 65_536 + (elements.length - 1 - head);
  }

  /**
   * The terms of a query.
   * @returns for each number of the vocabulary a slot, 0 if it is not asked for; the weight of each slot; the most that a piece can have
   */
  private read(query: string, isUnfinished: boolean) {
    const { vocabulary } = this;
    const slots = new Uint8Array(vocabulary.end);
    const weights = new Float64Array(START + 1);
    const starts = isUnfinished ? unfinishedIn(query) : [];
    const last = folded(starts[0] ?? '');
    let sum = 0;
    let next = 1;
    for (const { word, count, isCompound } of askedIn(query)) {
      const id = vocabulary.idOf(word);
      // The parts of an identifier that is nowhere are asked for too, and a word that goes on may be nowhere yet.
      if (id === undefined && (isCompound || word === last)) continue;
      const slot = word === last ? LAST : next++;
      const weight = count * this.rarity(id === undefined ? 0 : vocabulary.countOf(id));
      if (id !== undefined) slots[id] = slot;
      weights[slot] = weight;
      sum += weight;
    }
    return { slots, weights, sum: starts.length > 0 ? sum + this.readStarts(starts, slots, weights) : sum };
  }

  /** @returns what it adds to the most that a piece can have */
  private readStarts(starts: readonly string[], slots: Uint8Array, weights: Float64Array): number {
    let pieces = 0;
    for (const start of starts) {
      for (const [word, id] of this.vocabulary.near(start)) {
        if (slots[id] !== 0 || !mayBecome(word, start)) continue;
        slots[id] = START;
        pieces += this.vocabulary.countOf(id);
      }
    }
    const rarity = this.rarity(Math.min(this.count, pieces));
    const exact = weights[LAST] ?? 0;
    weights[START] = exact > 0 ? START_SHARE * Math.min(exact, rarity) : rarity;
    return exact > 0 ? 0 : rarity;
  }

  /** The inverse document frequency. */
  private rarity(pieces: number): number {
    return Math.log(1 + (this.count - pieces + 0.5) / (pieces + 0.5));
  }
}

/** The terms of a query, each once. */
function askedIn(query: string) {
  const asked = new Map<string, { word: string; count: number; isCompound: boolean }>();
  for (const { word, isCompound } of termsOf(query)) {
    const known = asked.get(word);
    if (known) known.count++;
    else if (asked.size < MAX_QUERY_TERMS) asked.set(word, { word, count: 1, isCompound });
  }
  return asked.values();
}

function idAt(file: FileTerms, at: number): number {
  return (file[at] ?? 0) >>> 8;
}

/** Calls for each piece of a file with the places of its terms, from the first to before the end, and its length in words. */
function eachPiece(file: FileTerms, visit: (first: number, end: number, length: number) => void): void {
  for (let at = 0; at < file.length;) {
    const head = file[at] ?? 0;
    const end = at + 1 + (head & MAX_LENGTH);
    visit(at + 1, end, head >>> 16);
    at = end;
  }
}

/** @param numbers the new number of each */
function renumbered(file: FileTerms, numbers: Uint32Array): FileTerms {
  const copy = file.slice();
  eachPiece(file, (first, end) => {
    for (let at = first; at < end; at++)
      copy[at] = (numbers[idAt(file, at)] ?? 0) * 256 + ((file[at] ?? 0) & MAX_FREQUENCY);
  });
  return copy;
}

function check(file: FileTerms, terms: number): void {
  let end = 0;
  eachPiece(file, (first, last) => {
    end = last;
    for (let at = first; at < Math.min(last, file.length); at++)
      if (idAt(file, at) >= terms) throw new RangeError('there is no such term');
  });
  if (end !== file.length) throw new RangeError('a piece goes on behind its file');
}
