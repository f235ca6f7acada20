import { unmatched } from './brackets';
import { cutAt, type Draft, type Filter } from './filter';

const CLOSING_MARKS = /^[\s)\]}>'"`;,]*$/;

/**
 * Fits a finished text to what follows on the line: what it repeats of that is cut off, and a quote and brackets that it
 * closes itself, further inside, are replaced.
 */
export const lineSuffix: Filter = (cursor) => {
  const rest = cursor.lineSuffix.trimEnd();
  return (draft) => {
    if (draft.open || rest === '') return draft;
    const overlap = overlapOf(draft.text, rest);
    if (overlap > 0) return cutAt(draft, draft.text.length - overlap);
    const closers = closersOf(draft.text, /^['"`]/.exec(rest)?.[0]);
    if (closers !== '' && closers.startsWith(rest)) return { ...draft, replaces: cursor.lineSuffix.length };
    return beforeRest(draft, rest, cursor.linePrefix);
  };
};

/** Characters at the end of a text that follow it already and that it does not need to balance itself. */
function overlapOf(text: string, rest: string): number {
  for (let n = Math.min(rest.length, text.length); n > 0; n--) {
    const end = rest.slice(0, n);
    if (!text.endsWith(end)) continue;
    const isNeeded = /[)\]}]/.test(end) && closersOf(text.slice(0, -n)).length >= closersOf(text).length;
    return isNeeded ? 0 : n;
  }
  return 0;
}

/** What a text closes that was opened before it. @param quote of the string in which it begins */
function closersOf(text: string, quote = ''): string {
  const stringEnd = text.indexOf(quote);
  if (stringEnd < 0) return '';
  const brackets = unmatched(text.slice(stringEnd + quote.length)).closers.map(({ bracket }) => bracket);
  return quote + brackets.join('');
}

/** More lines than one would tear the rest of the line off, unless it only closes what stood before. */
function beforeRest(draft: Draft, rest: string, linePrefix: string): Draft {
  const lineEnd = draft.text.indexOf('\n');
  if (lineEnd < 0) return draft;
  if (!CLOSING_MARKS.test(rest) || unmatched(draft.text).openers.length > 0) return cutAt(draft, lineEnd);
  // A body between two brackets of one line: the closing one goes to a line of its own.
  const isBody = lineEnd === 0 && /[{([]\s*$/.test(linePrefix);
  const indent = /^[ \t]*/.exec(linePrefix)?.[0] ?? '';
  return isBody ? { ...draft, text: `${draft.text.trimEnd()}\n${indent}` } : draft;
}
