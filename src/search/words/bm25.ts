/** BM25 in Lucene's form. */
const K1 = 1.5;
const B = 0.75;
/**
 * Scores are integers, shares of this: their sum is the same in whatever order the terms of a piece are added, so that equal pieces have
 * equal scores.
 */
export const WHOLE = 1 << 30;

/** The terms of a query. */
export interface Asked {
  /** The numbers of the terms in the vocabulary. */
  readonly ids: readonly number[];
  /** By the number of a term; 0 if it is not asked for. */
  readonly slots: Uint8Array;
  /** By slot. All that a piece can have is `WHOLE`. */
  readonly weights: Float64Array;
}

/** From this slot on, only the best of a piece's terms counts: they are what one unfinished word may become. */
export const FIRST_OF_LAST = 65;

/** How much of a term's weight a piece has. */
export class Bm25 {
  private readonly perWord: number;

  /** @param averageLength of a piece, in words */
  constructor(averageLength: number) {
    this.perWord = (K1 * B) / Math.max(1, averageLength);
  }

  /** @param length of the piece, in words */
  part(weight: number, frequency: number, length: number): number {
    return Math.round((weight * frequency) / (frequency + K1 * (1 - B) + this.perWord * length));
  }
}

/** The inverse document frequency. @param pieces that have the term @param all pieces */
export function rarity(pieces: number, all: number): number {
  return Math.log(1 + (all - pieces + 0.5) / (pieces + 0.5));
}
