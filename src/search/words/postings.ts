import { type Asked, type Bm25, FIRST_OF_LAST } from './bm25';
import { eachPiece, type FileTerms, frequencyAt, idAt } from './fileTerms';

/** Calls for a piece that has terms of the query. @param index among the pieces of its file @param score of `WHOLE` */
export type Visit = (path: string, index: number, score: number) => void;

/** An inverted index of files that stay as they are: of each term the pieces that have it. */
export class Postings {
  private readonly paths: string[] = [];
  /** Of each file the number of its first piece, and at the end that of all pieces. */
  private readonly firsts: Uint32Array;
  /** Of each piece, in words. */
  private readonly lengths: Uint16Array;
  /** Of each term the place of its first entry, and at the end that behind the last one. */
  private readonly starts: Uint32Array;
  /** An entry has the frequency in the lower 8 bits and the number of the piece above them. */
  private readonly entries: Uint32Array;

  /** @param terms above the numbers of all */
  constructor(files: ReadonlyMap<string, FileTerms>, terms: number) {
    const firsts = new Uint32Array(files.size + 1);
    const starts = new Uint32Array(terms + 1);
    let pieces = 0;
    for (const [path, file] of files) {
      eachPiece(file, (first, end) => {
        for (let at = first; at < end; at++) add(starts, idAt(file, at) + 1, 1);
        pieces++;
      });
      firsts[this.paths.push(path)] = pieces;
    }
    for (let id = 0; id < terms; id++) add(starts, id + 1, starts[id] ?? 0);
    const lengths = new Uint16Array(pieces);
    const entries = new Uint32Array(starts.at(-1) ?? 0);
    const next = starts.slice();
    let piece = 0;
    for (const file of files.values())
      eachPiece(file, (first, end, length) => {
        for (let at = first; at < end; at++) {
          const id = idAt(file, at);
          entries[next[id] ?? 0] = piece * 256 + frequencyAt(file, at);
          add(next, id, 1);
        }
        lengths[piece++] = length;
      });
    this.firsts = firsts;
    this.starts = starts;
    this.lengths = lengths;
    this.entries = entries;
  }

  get bytes(): number {
    const { entries, starts, lengths, firsts } = this;
    return entries.byteLength + starts.byteLength + lengths.byteLength + firsts.byteLength;
  }

  /** Visits the pieces in the order of their files. @param gone files that are left out */
  search({ ids, slots, weights }: Asked, bm25: Bm25, gone: ReadonlySet<string>, visit: Visit): void {
    const { entries, starts, lengths, firsts } = this;
    const scores = new Uint32Array(lengths.length);
    const lasts = new Uint32Array(lengths.length);
    for (const id of ids) {
      const slot = slots[id] ?? 0;
      const weight = weights[slot] ?? 0;
      // A term may be newer than all of this.
      const end = starts[id + 1] ?? 0;
      for (let at = starts[id] ?? 0; at < end; at++) {
        const entry = entries[at] ?? 0;
        const piece = entry >>> 8;
        const part = bm25.part(weight, entry & 0xff, lengths[piece] ?? 0);
        if (slot < FIRST_OF_LAST) add(scores, piece, part);
        else if (part > (lasts[piece] ?? 0)) lasts[piece] = part;
      }
    }
    for (const [file, path] of this.paths.entries()) {
      if (gone.has(path)) continue;
      const first = firsts[file] ?? 0;
      const end = firsts[file + 1] ?? 0;
      for (let piece = first; piece < end; piece++) {
        const score = (scores[piece] ?? 0) + (lasts[piece] ?? 0);
        if (score > 0) visit(path, piece - first, score);
      }
    }
  }
}

function add(numbers: Uint32Array, at: number, value: number): void {
  numbers[at] = (numbers[at] ?? 0) + value;
}

/** The same for a file that is in no inverted index. */
export function searchFile(path: string, file: FileTerms, { slots, weights }: Asked, bm25: Bm25, visit: Visit): void {
  let index = 0;
  eachPiece(file, (first, end, length) => {
    let [score, last] = [0, 0];
    for (let at = first; at < end; at++) {
      const slot = slots[idAt(file, at)] ?? 0;
      if (slot === 0) continue;
      const part = bm25.part(weights[slot] ?? 0, frequencyAt(file, at), length);
      if (slot < FIRST_OF_LAST) score += part;
      else if (part > last) last = part;
    }
    if (score + last > 0) visit(path, index, score + last);
    index++;
  });
}
