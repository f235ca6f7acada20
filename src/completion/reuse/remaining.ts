import type { Suggestion } from '../outcome';
import type { Suggesting } from './generation';
import { type DocumentPosition, isSameSuffix, type TypedSince } from './typedSince';

/** What remains of a suggestion, and the generation that it is from. */
export interface Remaining {
  readonly generation: Suggesting;
  readonly suggestion: Suggestion;
}

/** Brackets and quotes that stand at the head of a text, as an editor closes them. */
const CLOSERS = /^[)\]}'"`]*/;

/**
 * What remains of a suggestion after the user typed along with it; undefined if something else was typed, or all of it.
 * Brackets that the editor closed on the way are replaced if the suggestion closes them too, and of those that it replaced
 * from the beginning some may have been typed over.
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

/** Characters after the cursor that the rest of a suggestion replaces; undefined if it no longer fits what follows. */
function replacedBy(
  text: string,
  replacedThen: number,
  then: DocumentPosition,
  now: DocumentPosition,
): number | undefined {
  const closed = closedBetween(then.suffix, now.suffix);
  if (closed !== undefined)
    return [...closed].every((bracket) => text.includes(bracket)) ? replacedThen + closed.length : undefined;
  for (let replaces = replacedThen - 1; replaces >= 0; replaces--) {
    if (isSameSuffix(then.suffix.slice(replacedThen - replaces), now.suffix)) return replaces;
  }
  return undefined;
}

/** The brackets and quotes that were inserted after the cursor; undefined if something else changed there. */
function closedBetween(then: string, now: string): string | undefined {
  const [closers] = CLOSERS.exec(now) ?? [''];
  for (let length = 0; length <= closers.length; length++) {
    if (isSameSuffix(now.slice(length), then)) return closers.slice(0, length);
  }
  return undefined;
}
