import type { Suggestion } from './outcome';

/** A decoded piece of text with the model's probability for it. */
export interface Piece {
  readonly text: string;
  readonly probability: number;
}

/** What trimming needs to know of the place. */
export interface Cursor {
  /** The line before the cursor. */
  readonly linePrefix: string;
  /** The rest of the line after the cursor. */
  readonly lineSuffix: string;
  /** The text after the cursor's line. */
  readonly following: string;
  readonly multiline: boolean;
}

/** The cursor's surroundings, from the text before and after it. */
export function cursorOf(prefix: string, suffix: string, multiline: boolean): Cursor {
  const lineEnd = suffix.indexOf('\n');
  return {
    linePrefix: prefix.slice(prefix.lastIndexOf('\n') + 1),
    lineSuffix: lineEnd < 0 ? suffix : suffix.slice(0, lineEnd),
    following: lineEnd < 0 ? '' : suffix.slice(lineEnd + 1),
    multiline,
  };
}

const MAX_LINES = 8;
const CLOSING_PAIRS: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

/** Below this the model is guessing, and a wrong guess costs the user more than none. */
export const MIN_PROBABILITY = 0.12;

/** The pieces up to the first that the model merely guessed; a word cut in two by that goes whole. */
export function confident(pieces: readonly Piece[], minProbability: number): string {
  const guess = pieces.findIndex((piece) => piece.probability < minProbability);
  if (guess < 0) return join(pieces);
  const kept = join(pieces.slice(0, guess));
  const next = pieces[guess]?.text ?? '';
  return /^\w/.test(next) ? kept.replace(/[\w$]+$/, '') : kept;
}

function join(pieces: readonly Piece[]): string {
  return pieces.map((piece) => piece.text).join('');
}

/** Nothing more that is decoded could be shown. */
export function isComplete(text: string, cursor: Cursor): boolean {
  if (!cursor.multiline) return /\S[^\n]*\n/.test(text);
  const lines = text.split('\n');
  return (
    lines.length > MAX_LINES || leavesBlock(lines.slice(0, -1), cursor) !== undefined || isLooping(lines.slice(0, -1))
  );
}

/** From what the model wrote to what is shown, or undefined where nothing is left. */
export function trim(text: string, cursor: Cursor): Suggestion | undefined {
  const lines = cursor.multiline
    ? blockOnly(withoutLoops(text.split('\n').slice(0, MAX_LINES)), cursor)
    : firstLine(text);
  const fresh = untilSuffix(lines, cursor.following).join('\n').trimEnd();
  if (fresh.trim() === '') return undefined;
  return againstLineSuffix(fresh, cursor.lineSuffix);
}

/** One line: the first that has something on it. */
function firstLine(text: string): string[] {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => line.trim() !== '');
  return first < 0 ? [] : first === 0 ? lines.slice(0, 1) : [];
}

/** Lines up to the end of the block that the cursor stands in, judged by indentation. */
function blockOnly(lines: readonly string[], cursor: Cursor): string[] {
  const end = leavesBlock(lines, cursor);
  return end === undefined ? [...lines] : lines.slice(0, end);
}

/** Index of the first line that is no longer part of the block, or undefined. */
function leavesBlock(lines: readonly string[], cursor: Cursor): number | undefined {
  const indent = indentation(cursor.linePrefix);
  const opens = lines[0] !== undefined && /[{([:]\s*$/.test(cursor.linePrefix + lines[0]);
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] ?? '';
    if (line.trim() === '') {
      if ((lines[i + 1] ?? ' ').trim() === '' && i + 1 < lines.length) return i;
      continue;
    }
    if (indentation(line) < indent) return i;
    // The line that closes what the first one opened is the last of its block.
    if (opens && indentation(line) === indent)
      return /^\s*[)\]}]/.test(line) ? (i + 1 < lines.length ? i + 1 : undefined) : i;
  }
  return undefined;
}

function indentation(line: string): number {
  const blanks = /^[ \t]*/.exec(line)?.[0] ?? '';
  return [...blanks].reduce((width, c) => width + (c === '\t' ? 4 : 1), 0);
}

/** A small model may repeat itself for ever: stop before a line that it has written before. */
function withoutLoops(lines: readonly string[]): string[] {
  const at = lines.findIndex((_, i) => isLooping(lines.slice(0, i + 1)));
  return at < 0 ? [...lines] : lines.slice(0, at);
}

/** Short lines, a closing brace say, may well come again soon; long ones may not. */
function isLooping(lines: readonly string[]): boolean {
  const last = lines.at(-1)?.trim() ?? '';
  const earlier = lines.slice(last.length > 12 ? 0 : -3, -1);
  return last.length > 3 && earlier.some((line) => line.trim() === last);
}

/** Lines before the first that stands after the cursor already, indented alike. */
function untilSuffix(lines: readonly string[], following: string): string[] {
  const next = following
    .split('\n')
    .find((line) => line.trim() !== '')
    ?.trimEnd();
  if (next === undefined) return [...lines];
  const at = lines.findIndex((line, i) => i > 0 && line.trimEnd() === next);
  return at < 0 ? [...lines] : lines.slice(0, at);
}

/**
 * Fit the text to what follows on the line: what it repeats of that is cut off, and closing brackets that it closes
 * itself, further inside, are replaced.
 */
function againstLineSuffix(text: string, lineSuffix: string): Suggestion | undefined {
  const rest = lineSuffix.trimEnd();
  if (rest === '') return { text, replaces: 0 };
  for (let n = Math.min(rest.length, text.length); n > 0; n--) {
    if (text.endsWith(rest.slice(0, n))) {
      // Cut only what the text does not need to balance itself.
      if (
        unmatchedClosers(text.slice(0, -n)).length < unmatchedClosers(text).length ||
        !/[)\]}]/.test(rest.slice(0, n))
      ) {
        const cut = text.slice(0, -n);
        return cut.trim() === '' ? undefined : { text: cut, replaces: 0 };
      }
      break;
    }
  }
  const closers = unmatchedClosers(text);
  if (closers !== '' && closers.startsWith(rest)) return { text, replaces: lineSuffix.length };
  // More lines before the rest of this one would tear it off.
  const [first = ''] = text.split('\n');
  return first.trim() === '' ? undefined : { text: first, replaces: 0 };
}

/** The closing brackets of a text that nothing in it opened. */
function unmatchedClosers(text: string): string {
  const open: string[] = [];
  let unmatched = '';
  for (const character of text) {
    const opener = CLOSING_PAIRS[character];
    if (opener === undefined) {
      if ('([{'.includes(character)) open.push(character);
    } else if (open.at(-1) === opener) open.pop();
    else unmatched += character;
  }
  return unmatched;
}
