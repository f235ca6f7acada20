import type { Cursor } from '../cursor';
import { cutAt, cutBeforeLine, type Draft, type Filter, finishedLines } from './filter';
import { repeatedPart } from './parts';

/** A longer line is not repeated. A short one, such as a closing brace, may be, but only after some lines. */
const SHORT_LINE_CHARS = 12;
const LINES_BETWEEN_SHORT = 2;
/** Lines above in which the text may not be repeated. Further up, it may belong to another block. */
const LINES_ABOVE = 2;
/** A stretch within a line is a loop after this number of repetitions in a row. */
const MIN_REPEATS = 3;
const MIN_PERIOD_CHARS = 4;
/** A run is this number of lines in a row that differ only in their numbers. */
const MIN_RUN = 3;

/** A shorter beginning of a line may be repeated rightly. */
const MIN_ECHO_CHARS = 6;

/** Stops before a repeated line, or a repeated part of one, because a small model may repeat itself endlessly. */
export const loops: Filter = (cursor) => (draft) => {
  const lines = cutRun(cutLine(cutEcho(draft, cursor), cursor), cursor);
  const end = repeatedPart(cursor, lines.text);
  return cutStretch(end === undefined ? lines : cutAt(lines, end));
};

/** Drops a text that begins by repeating the cursor's line. */
function cutEcho(draft: Draft, { linePrefix }: Cursor): Draft {
  const line = linePrefix.trim();
  const isEcho = line.length >= MIN_ECHO_CHARS && /\W/.test(line) && draft.text.trimStart().startsWith(line);
  return isEcho ? cutAt(draft, 0) : draft;
}

function cutLine(draft: Draft, cursor: Cursor): Draft {
  const lines = finishedLines(draft).map((line, i) => (i === 0 ? cursor.linePrefix + line : line).trim());
  const above = cursor.prefix
    .slice(0, cursor.prefix.length - cursor.linePrefix.length)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(-LINES_ABOVE);
  const at = lines.findIndex((line, i) => {
    const isShort = line.length <= SHORT_LINE_CHARS;
    if (!isShort && above.slice(i).includes(line)) return true;
    return line.length > 3 && lines.slice(isShort ? Math.max(0, i - LINES_BETWEEN_SHORT) : 0, i).includes(line);
  });
  return at < 0 ? draft : cutBeforeLine(draft, at);
}

/**
 * Cuts after the first of lines that differ only in their numbers. The rows of a table end with a comma or a colon or
 * have no words. The document may have such a run above the cursor, which the text then continues.
 */
function cutRun(draft: Draft, { prefix, linePrefix }: Cursor): Draft {
  const lines = finishedLines(draft).map((line, i) => shapeOf(i === 0 ? linePrefix + line : line));
  const at = lines.findIndex(
    (line, i) => line !== undefined && lines.slice(i, i + MIN_RUN).filter((other) => other === line).length === MIN_RUN,
  );
  if (at < 0) return draft;
  const above = prefix.split('\n').slice(-MIN_RUN, -1).map(shapeOf);
  const continues = above.length === MIN_RUN - 1 && above.every((line) => line === lines[at]);
  return continues ? draft : cutBeforeLine(draft, at + 1);
}

/** A line without its numbers; undefined if it has none, or if it may be the row of a table. */
function shapeOf(line: string): string | undefined {
  const text = line.trim();
  if (!/\d/.test(text) || !/\p{L}{2}/u.test(text) || /[,:|]$/.test(text)) return undefined;
  return text.replace(/\d+/g, '0');
}

/** Cuts after the first of equal stretches at the end of the text. Rows of numbers and ruled lines are no loops. */
function cutStretch(draft: Draft): Draft {
  const { text } = draft;
  for (let period = MIN_PERIOD_CHARS; period * MIN_REPEATS <= text.length; period++) {
    const stretch = text.slice(-period);
    if (stretch.includes('\n') || !/[A-Za-z]/.test(stretch)) continue;
    let repeats = 1;
    while (text.endsWith(stretch, text.length - repeats * period)) repeats++;
    if (repeats >= MIN_REPEATS) return cutAt(draft, text.length - (repeats - 1) * period);
  }
  return draft;
}
