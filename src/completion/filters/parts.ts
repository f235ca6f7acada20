import type { Cursor } from '../cursor';
import { isClosing } from '../syntax/closers';

/** Shorter parts, and parts without a letter, may be repeated rightly: `0, 1, 0, 1`. */
const MIN_PART_CHARS = 4;
const KEY = /^["']?([A-Za-z_$][\w$-]*)["']?\s*([:=])(?![:=])/;
const STRING = /^(["'`]).*\1$/s;
const OPENERS = '([{';
const CLOSERS = ')]}';

/** A part of a line between separators, within one pair of brackets. */
interface Part {
  readonly text: string;
  readonly start: number;
  /** The innermost bracket around it on its line; empty if there is none. */
  readonly bracket: string;
  /** The character that ends it; empty for the last part, which may continue. */
  readonly separator: string;
}

/**
 * The offset at which a text repeats a part of its line: the same property or key a second time, a string twice in a row,
 * or two parts in alternation. Undefined if it repeats none.
 */
export function repeatedPart(cursor: Cursor, text: string): number | undefined {
  const { linePrefix, before, lexicon } = cursor;
  const code = before.code.slice(before.code.length - linePrefix.length) + cursor.scan(text).code;
  const all = linePrefix + text;
  let start = 0;
  for (const line of code.split('\n')) {
    for (const parts of partsOf(line, all.slice(start, start + line.length))) {
      const at = parts.findIndex((part, i) => isRepeated(parts.slice(0, i), part, lexicon.kind === 'code'));
      const first = parts[at];
      if (first) return endBefore(cursor, text, start + firstOfTurn(parts, at).start - linePrefix.length);
    }
    start += line.length + 1;
  }
  return undefined;
}

/** The parts of a line, grouped by the brackets around them. `code` is the line with strings and comments blanked. */
function partsOf(code: string, line: string): Part[][] {
  const done: Part[][] = [];
  const scopes: { parts: Part[]; start: number; bracket: string }[] = [{ parts: [], start: 0, bracket: '' }];
  const end = (at: number, separator: string) => {
    const scope = scopes.at(-1);
    if (!scope) return;
    const text = line.slice(scope.start, at);
    const start = scope.start + (text.length - text.trimStart().length);
    if (text.trim() !== '') scope.parts.push({ text: text.trim(), start, separator, bracket: scope.bracket });
    scope.start = at + 1;
  };
  for (let at = 0; at < code.length; at++) {
    const character = code.charAt(at);
    if (OPENERS.includes(character)) scopes.push({ parts: [], start: at + 1, bracket: character });
    else if (CLOSERS.includes(character)) {
      end(at, character);
      const closed = scopes.length > 1 ? scopes.pop() : undefined;
      if (closed) done.push(closed.parts);
    } else if (character === ',' || character === ';') end(at, character);
  }
  end(code.length, '');
  return [...done, ...scopes.map(({ parts }) => parts)];
}

function isRepeated(before: readonly Part[], part: Part, isCode: boolean): boolean {
  // A part without its end may still become another word.
  const [first, second, third] = before.slice(-3);
  if (part.separator !== '' && isLong(part)) {
    const last = before.at(-1);
    // Two arguments of a call may be equal.
    if (last?.text === part.text && STRING.test(part.text) && part.bracket !== '(') return true;
    if (third && third.text !== part.text && second?.text === part.text && first?.text === third.text)
      return isLong(third);
  }
  const key = isCode ? keyOf(part) : undefined;
  return key !== undefined && before.some((other) => keyOf(other) === key);
}

function isLong({ text }: Part): boolean {
  return text.length >= MIN_PART_CHARS && /[A-Za-z]/.test(text);
}

/** The name that a part gives a value to. Between semicolons, a second assignment is legitimate. */
function keyOf({ text, separator }: Part): string | undefined {
  const [, key, sign] = KEY.exec(text) ?? [];
  return sign === '=' && separator === ';' ? undefined : key;
}

/** The first part of the second round of two parts in alternation. */
function firstOfTurn(parts: readonly Part[], at: number): Part {
  const [part, before] = [parts[at], parts[at - 1]];
  const isTurn = part && before && part.text !== before.text && keyOf(part) === undefined;
  return (isTurn ? before : part) ?? { text: '', start: 0, separator: '', bracket: '' };
}

/** A comma before the closing marks of the line would be left over. */
function endBefore({ lineSuffix, languageId }: Cursor, text: string, at: number): number {
  const kept = text.slice(0, Math.max(0, at)).trimEnd();
  const isLast = lineSuffix.trim() !== '' && isClosing(lineSuffix, languageId) && kept.endsWith(',');
  return isLast ? kept.length - 1 : kept.length;
}
