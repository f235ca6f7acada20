import type { BlockEnd, Wanted } from './wanted';

/** Columns of a tab, where tabs and spaces are compared. */
const TAB_COLUMNS = 4;

/** The blanks at the head of a line. */
export function leadingBlanks(line: string): string {
  return /^[ \t]*/.exec(line)?.[0] ?? '';
}

/** How far a line is indented, in columns. */
export function indentation(line: string): number {
  return [...leadingBlanks(line)].reduce((width, c) => width + (c === '\t' ? TAB_COLUMNS : 1), 0);
}

/**
 * A block's end where no parser knows the language: the first line that is indented less than the cursor's, the line
 * that closes what the first one opened, or two blank lines.
 */
export function blockEndByIndentation(linePrefix: string): BlockEnd {
  return (text, open) => {
    const all = text.split('\n');
    const lines = open ? all.slice(0, -1) : all;
    const end = endOfBlock(lines, linePrefix);
    return end === undefined ? undefined : all.slice(0, end).join('\n').length;
  };
}

/** Number of lines that belong to the block, or undefined where all may. */
function endOfBlock(lines: readonly string[], linePrefix: string): number | undefined {
  const indent = indentation(linePrefix);
  const opens = lines[0] !== undefined && /[{([:]\s*$/.test(linePrefix + lines[0]);
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] ?? '';
    if (line.trim() === '') {
      if (lines[i + 1]?.trim() === '') return i;
      continue;
    }
    if (indentation(line) < indent) return i;
    // The line that closes what the first one opened is the last of its block.
    if (opens && indentation(line) === indent) {
      if (!/^\s*[)\]}]/.test(line)) return i;
      return i + 1 < lines.length ? i + 1 : undefined;
    }
  }
  return undefined;
}

/** What is wanted at a place where no parser knows the language. */
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
  if ((isEmpty ? /[{([:]\s*$/ : /[{:]\s*$/).test(opening) && !isBelow) return 'body';
  const isComment = isEmpty && /^\s*(?:\/\/|#|--|;|%|\*\/)/.test(lines.at(-2) ?? '');
  return isComment && (suffix.split('\n')[1] ?? '').trim() === '' ? 'statement' : undefined;
}
