import type { Suggestion } from '../outcome';
import { unmatched } from '../syntax/brackets';
import type { Suggesting } from './generation';
import { type DocumentPosition, isSameSuffix, type TypedSince } from './typedSince';

/** The rest of a suggestion, and its generation. */
export interface Remaining {
  readonly generation: Suggesting;
  readonly suggestion: Suggestion;
}

/** Closing brackets and quotes at the start of a text, as an editor inserts them. */
const CLOSERS = /^[)\]}'"`]*/;
/** Strings that begin and end in a line. Their brackets close nothing. */
const STRINGS = /(['"`])(?:\\.|(?!\1)[^\\\n])*\1/g;

/**
 * The rest of a suggestion of which the user typed the beginning; undefined if other text was typed, or all of it. Brackets
 * that the editor closed since are replaced if the suggestion closes them too. Brackets that it replaced from the start may
 * have been typed over.
 */
export function remainingOf(generation: Suggesting, since: TypedSince): Remaining | undefined {
  const { position, suggestion } = generation;
  const typed = since.at(position);
  if (typed === undefined || !suggestion.text.startsWith(typed)) return undefined;
  const text = suggestion.text.slice(typed.length);
  if (text === '') return undefined;
  const replaces = replacedBy(text, suggestion.replaces, position, since.now);
  return replaces === undefined ? undefined : { generation, suggestion: { text, replaces } };
}

/** Number of characters after the cursor that the rest of a suggestion replaces; undefined if other text follows now. */
function replacedBy(
  text: string,
  replacedThen: number,
  then: DocumentPosition,
  now: DocumentPosition,
): number | undefined {
  const closed = closedBetween(then.suffix, now.suffix);
  if (closed !== undefined) return closes(text, closed) ? replacedThen + closed.length : undefined;
  for (let replaces = replacedThen - 1; replaces >= 0; replaces--) {
    if (isSameSuffix(then.suffix.slice(replacedThen - replaces), now.suffix)) return replaces;
  }
  return undefined;
}

/**
 * Whether a text closes what some brackets and quotes close. A bracket that closes one of the text's own does not count,
 * because accepting the text would remove the editor's bracket without a replacement.
 */
function closes(text: string, closed: string): boolean {
  const brackets = closed.replace(/['"`]/g, '');
  // Behind a quote that the editor closed, the text begins within a string.
  const code = brackets === closed ? text.replace(STRINGS, '') : text;
  let written = 0;
  for (const { bracket } of unmatched(code).closers) if (bracket === brackets[written]) written++;
  return written === brackets.length && [...closed].every((mark) => text.includes(mark));
}

/** The brackets and quotes that were inserted after the cursor; undefined if other text changed there. */
function closedBetween(then: string, now: string): string | undefined {
  const [closers] = CLOSERS.exec(now) ?? [''];
  for (let length = 0; length <= closers.length; length++) {
    if (isSameSuffix(now.slice(length), then)) return closers.slice(0, length);
  }
  return undefined;
}
