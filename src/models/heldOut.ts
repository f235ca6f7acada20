/** Text of the user's own files that a model has to write: middles, with the text before and after them. */
import type { Excerpt } from '../completion/prompt/prompt';

/** A file of the user, line ends as \n. */
export interface SampleFile {
  /** From its workspace folder, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** A middle that was cut out of a file. */
export interface HeldOut {
  readonly excerpt: Excerpt;
  readonly middle: string;
}

/** Characters around a middle: fewer than in the editor, so that more middles are measured in the same time. */
const PREFIX_CHARS = 800;
const SUFFIX_CHARS = 350;

/** A shorter line says little, and a longer one is not code. */
const MIN_LINE_CHARS = 10;
const MAX_LINE_CHARS = 200;

/** Lines above a middle, without which every prompt is as good as any other. */
const MIN_LINES_BEFORE = 3;

/**
 * Middles from all files, at equal distances: rests of lines from a third of the line on, and every third with the next line.
 * The same files give the same middles, so that models are compared on the same text.
 */
export function heldOutOf(files: readonly SampleFile[], count: number): readonly HeldOut[] {
  const places = files.flatMap((file) => placesIn(file.text).map((offset) => ({ file, offset })));
  const step = Math.max(1, places.length / count);
  const chosen = Array.from({ length: Math.min(count, places.length) }, (_, i) => places[Math.floor(i * step)]);
  // Of the first few, which may be all that there is time for, each is from another part of the files.
  return inTurns(chosen.flatMap((place, i) => (place ? heldOutAt(place.file, place.offset, i % 3 === 0) : [])));
}

/** Offsets of the beginnings of lines to complete. */
function placesIn(text: string): number[] {
  const offsets: number[] = [];
  let offset = 0;
  for (const [i, line] of text.split('\n').entries()) {
    const { length } = line.trim();
    if (i >= MIN_LINES_BEFORE && length >= MIN_LINE_CHARS && length <= MAX_LINE_CHARS) offsets.push(offset);
    offset += line.length + 1;
  }
  return offsets;
}

function heldOutAt({ path, text }: SampleFile, lineStart: number, isLonger: boolean): HeldOut {
  const lineEnd = endOfLine(text, lineStart);
  const indent = /^\s*/.exec(text.slice(lineStart, lineEnd))?.[0].length ?? 0;
  const third = lineStart + indent + Math.floor((lineEnd - lineStart - indent) / 3);
  // At the end of a word, where people wait for a suggestion; the tokenizers split there alike.
  const rest = /^\w*/.exec(text.slice(third, lineEnd))?.[0].length ?? 0;
  const cursor = third + rest < lineEnd ? third + rest : third;
  const end = isLonger && lineEnd < text.length ? endOfLine(text, lineEnd + 1) : lineEnd;
  const prefixStart = Math.max(0, text.lastIndexOf('\n', Math.max(0, cursor - PREFIX_CHARS)) + 1);
  return {
    excerpt: {
      path,
      prefix: text.slice(prefixStart, cursor),
      prefixStart,
      suffix: text.slice(end, end + SUFFIX_CHARS),
    },
    middle: text.slice(cursor, end),
  };
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

/** In the order of the bits of their index, read backwards: any first part is spread over all. */
export function inTurns<T>(all: readonly T[]): T[] {
  const bits = Math.ceil(Math.log2(Math.max(2, all.length)));
  const reversed = (index: number) =>
    Array.from({ length: bits }, (_, bit) => (index >> bit) & 1).reduce((value, bit) => 2 * value + bit, 0);
  return all
    .map((item, i) => ({ item, order: reversed(i) }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
