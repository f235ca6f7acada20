/** Cursors in held-out code, for measuring completions of the rest of a line. */
import type { Excerpt } from '../src/completion/prompt/prompt';
import type { HeldoutFile } from '../src/cli/heldout';

/** The text left of the cursor, and whether a word continues right of it. */
const KINDS: Readonly<Record<string, (before: string, after: string) => boolean>> = {
  'inside a word': (before, after) => /\w$/.test(before) && /^\w/.test(after),
  'after a word': (before, after) => /\w$/.test(before) && !/^\w/.test(after),
  'at the start of a line': (before) => /(^|\n)$/.test(before),
  'after indentation': (before) => /(^|\n)[ \t]+$/.test(before),
  'after a blank in a line': (before) => /\S[ \t]+$/.test(before),
  'after punctuation': (before) => /[^\w\s]$/.test(before),
};
export const KIND_NAMES = Object.keys(KINDS);

export interface Cursor<File> extends Excerpt {
  readonly kind: string;
  readonly file: File;
  readonly expected: string;
}

export interface CursorOptions {
  readonly seed: number;
  /** Cursors of each kind, or in all if they are uniform. */
  readonly count: number;
  /** Uniform over the lines with something on them, then over the places in a line. */
  readonly isUniform: boolean;
  readonly kinds: readonly string[];
}

/** @throws {Error} if there is no kind of some name */
export function drawCursors<File extends Pick<HeldoutFile, 'path' | 'text'>>(
  files: readonly File[],
  { seed, count, isUniform, kinds }: CursorOptions,
): Cursor<File>[] {
  for (const kind of kinds) if (!KINDS[kind]) throw new Error(`no kind ${kind}; there are ${KIND_NAMES.join(', ')}`);
  let state = seed;
  const below = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const cursors: Cursor<File>[] = [];
  if (isUniform) {
    const lines = files.flatMap((file) => {
      const rows: { file: File; start: number; end: number }[] = [];
      for (const { 0: row, index } of file.text.matchAll(/^[ \t]*(\S.*)$/gm)) {
        rows.push({ file, start: index + row.search(/\S/), end: index + row.trimEnd().length });
      }
      return rows;
    });
    while (cursors.length < count) {
      const { file, start, end } = lines[below(lines.length)]!;
      const cursor = cursorAt(file, start + below(end - start), kinds);
      if (cursor) cursors.push(cursor);
    }
    return cursors;
  }
  const left = new Map(kinds.map((kind) => [kind, count]));
  while ([...left.values()].some((some) => some > 0)) {
    const file = files[below(files.length)]!;
    const cursor = cursorAt(file, below(file.text.length), kinds);
    if (!cursor || cursor.expected.length > 100 || !left.get(cursor.kind)) continue;
    left.set(cursor.kind, left.get(cursor.kind)! - 1);
    cursors.push(cursor);
  }
  return cursors;
}

/** The cursor at a character of a file; undefined if it is of no kind, or the rest of its line is blank. */
function cursorAt<File extends Pick<HeldoutFile, 'path' | 'text'>>(
  file: File,
  at: number,
  kinds: readonly string[],
): Cursor<File> | undefined {
  const lineEnd = file.text.indexOf('\n', at);
  const expected = file.text.slice(at, lineEnd < 0 ? undefined : lineEnd).trimEnd();
  const prefix = file.text.slice(0, at);
  const kind = kinds.find((name) => KINDS[name]!(prefix, expected));
  if (kind === undefined || expected === '') return undefined;
  const suffix = lineEnd < 0 ? '' : file.text.slice(lineEnd);
  return { kind, file, expected, path: file.path, prefix, prefixStart: 0, suffix };
}
