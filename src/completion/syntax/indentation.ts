import type { BlockEnd, Wanted } from './wanted';

/** Columns of a tab for the comparison of tabs and spaces. */
const TAB_COLUMNS = 4;

/** A line that opens a block or a bracket, without arrow functions. */
const OPENS = /[{([:]\s*$/;

/** The blanks at the start of a line. */
export function leadingBlanks(line: string): string {
  return /^[ \t]*/.exec(line)?.[0] ?? '';
}

/** The indentation of a line in columns. */
export function indentation(line: string): number {
  return [...leadingBlanks(line)].reduce((width, c) => width + (c === '\t' ? TAB_COLUMNS : 1), 0);
}

/**
 * The end of a block in a language without a grammar: before the first line that is indented less than the cursor's, after
 * the line that closes the bracket of the first one, or before two blank lines.
 */
export function blockEndByIndentation(linePrefix: string): BlockEnd {
  return (text, open) => {
    const all = text.split('\n');
    const lines = open ? all.slice(0, -1) : all;
    const end = endOfBlock(lines, linePrefix);
    return end === undefined ? undefined : all.slice(0, end).join('\n').length;
  };
}

/** Number of lines that belong to the block; undefined if all may. */
function endOfBlock(lines: readonly string[], linePrefix: string): number | undefined {
  const indent = indentation(linePrefix);
  const opens = lines[0] !== undefined && OPENS.test(linePrefix + lines[0]);
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] ?? '';
    if (line.trim() === '') {
      if (lines[i + 1]?.trim() === '') return i;
      continue;
    }
    if (indentation(line) < indent) return i;
    // The line that closes the bracket of the first one is the last of the block.
    if (opens && indentation(line) === indent) {
      if (!/^\s*[)\]}]/.test(line)) return i;
      return i + 1 < lines.length ? i + 1 : undefined;
    }
  }
  return undefined;
}

/** Which block is wanted at a place in a language without a grammar; undefined if none is. */
export function wantedByIndentation(prefix: string, suffix: string): Wanted | undefined {
  const lines = prefix.split('\n');
  const linePrefix = lines.at(-1) ?? '';
  const isEmpty = linePrefix.trim() === '';
  const opening = (isEmpty ? lines.slice(0, -1) : lines).findLast((line) => line.trim() !== '') ?? '';
  const below = suffix
    .split('\n')
    .slice(1)
    .find((line) => line.trim() !== '');
  const isBelow = below !== undefined && indentation(below) > indentation(opening);
  if ((isEmpty ? OPENS : /[{:]\s*$/).test(opening) && !isBelow) return 'body';
  const isComment = isEmpty && /^\s*(?:\/\/|#|--|;|%|\*\/)/.test(lines.at(-2) ?? '');
  return isComment && (suffix.split('\n')[1] ?? '').trim() === '' ? 'statement' : undefined;
}
