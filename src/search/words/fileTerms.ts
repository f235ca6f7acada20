/**
 * The pieces of a file one after the other, each with a head and its terms. The head has the number of terms in the lower 16 bits
 * and the length in words in the upper ones. A term has its frequency in the lower 8 bits, and above them its number in the vocabulary.
 */
export type FileTerms = Uint32Array;

const MAX_FREQUENCY = 0xff;
const MAX_LENGTH = 0xffff;
/** The numbers of terms have 24 bits: far more than 100,000 pieces have. */
const MAX_TERMS = 1 << 24;

/**
 * Write a piece behind those before it.
 * @param length in words
 * @param frequencies of the terms, by their numbers
 */
export function pushPiece(
  elements: number[],
  length: number,
  frequencies: Iterable<readonly [id: number, frequency: number]>,
): void {
  const head = elements.push(0) - 1;
  for (const [id, frequency] of frequencies)
    if (id < MAX_TERMS) elements.push(id * 256 + Math.min(MAX_FREQUENCY, frequency));
  elements[head] = Math.min(MAX_LENGTH, length) * 65_536 + (elements.length - 1 - head);
}

export function idAt(file: FileTerms, at: number): number {
  return (file[at] ?? 0) >>> 8;
}

export function frequencyAt(file: FileTerms, at: number): number {
  return (file[at] ?? 0) & MAX_FREQUENCY;
}

/** Calls for each piece of a file with the places of its terms, from the first to before the end, and its length in words. */
export function eachPiece(file: FileTerms, visit: (first: number, end: number, length: number) => void): void {
  for (let at = 0; at < file.length;) {
    const head = file[at] ?? 0;
    const end = at + 1 + (head & MAX_LENGTH);
    visit(at + 1, end, head >>> 16);
    at = end;
  }
}

/** @param numbers the new number of each term */
export function renumbered(file: FileTerms, numbers: Uint32Array): FileTerms {
  const copy = file.slice();
  eachPiece(file, (first, end) => {
    for (let at = first; at < end; at++) copy[at] = (numbers[idAt(file, at)] ?? 0) * 256 + frequencyAt(file, at);
  });
  return copy;
}

/** @throws {RangeError} if an array is none of ours; @param terms of the vocabulary */
export function checkTerms(file: FileTerms, terms: number): void {
  let end = 0;
  eachPiece(file, (first, last) => {
    end = last;
    for (let at = first; at < Math.min(last, file.length); at++)
      if (idAt(file, at) >= terms) throw new RangeError('there is no such term');
  });
  if (end !== file.length) throw new RangeError('a piece goes on behind its file');
}
