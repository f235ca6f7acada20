import type { Cursor } from '../cursor';
import { unmatched } from '../syntax/brackets';
import { type Closing, closingHead, isClosing } from '../syntax/closers';
import { cutAt, type Draft, type Filter } from './filter';

/**
 * Fits a finished text to the closing marks that follow on the line: what it repeats of them is cut off, and those that
 * it closes itself, further inside, are replaced.
 */
export const lineSuffix: Filter = (cursor) => {
  const { lineSuffix: line, languageId } = cursor;
  const rest = line.trimEnd();
  if (rest === '' || !isClosing(rest, languageId)) return (draft) => draft;
  const closing = closingHead(rest, languageId);
  return (draft) => {
    if (draft.open) return draft;
    const overlap = overlapOf(draft.text, rest, cursor);
    if (overlap > 0) return cutAt(draft, draft.text.slice(0, -overlap).trimEnd().length);
    const replaces = replacedBy(closersOf(draft.text, cursor), closing, line);
    if (replaces > 0) return { ...draft, replaces };
    return beforeRest(draft, cursor);
  };
};

/** Characters at the end of a text that follow it already and that it does not need to balance itself. */
function overlapOf(text: string, rest: string, cursor: Cursor): number {
  for (const following of new Set([rest, rest.trimStart()])) {
    for (const n of markEnds(following, cursor.languageId).reverse()) {
      const end = following.slice(0, n);
      if (!text.endsWith(end)) continue;
      const isNeeded =
        /[)\]}]/.test(end) && closersOf(text.slice(0, -n), cursor).length >= closersOf(text, cursor).length;
      return isNeeded ? 0 : n;
    }
  }
  return 0;
}

/** Where in a line's rest its marks end, one by one: half a mark is none. */
function markEnds(rest: string, languageId: string): number[] {
  const ends: number[] = [];
  let at = 0;
  while (at < rest.length) {
    const [mark = ''] = closingHead(rest.slice(at), languageId).marks;
    at += rest.slice(at).indexOf(mark) + Math.max(1, mark.length);
    ends.push(Math.min(at, rest.length));
  }
  return ends;
}

/** What a text closes that was opened before it: in code as the language says, within a string or a comment by its brackets. */
function closersOf(text: string, cursor: Cursor): string[] {
  const { closers } = cursor.scan(text);
  const marks = closers.map(({ text: mark }) => mark);
  if (!cursor.isWithinText) return marks;
  const within = text.slice(0, closers[0]?.offset ?? text.length);
  return [...unmatched(within).closers.map(({ bracket }) => bracket), ...marks];
}

/** Characters of the line's rest whose marks a text closes itself, as far as it does. */
function replacedBy(closers: readonly string[], { marks }: Closing, line: string): number {
  let same = 0;
  while (same < marks.length && marks[same] === closers[same]) same++;
  if (same < Math.min(marks.length, closers.length)) return 0;
  let end = 0;
  for (const mark of marks.slice(0, same)) end = line.indexOf(mark, end) + mark.length;
  return end > 0 && line.slice(end).trim() === '' ? line.length : end;
}

/** More lines than one would tear the rest of the line off, unless it only closes what stood before. */
function beforeRest(draft: Draft, { linePrefix, lineSuffix: rest, scan }: Cursor): Draft {
  const lineEnd = draft.text.indexOf('\n');
  if (lineEnd < 0) return draft;
  if (scan(draft.text).opened.length > 0) return cutAt(draft, lineEnd);
  // A body between two brackets or tags of one line: the closing one goes to a line of its own.
  const isBody = lineEnd === 0 && (/[{([]\s*$/.test(linePrefix) || (/>\s*$/.test(linePrefix) && /^\s*<\//.test(rest)));
  const indent = /^[ \t]*/.exec(linePrefix)?.[0] ?? '';
  return isBody ? { ...draft, text: `${draft.text.trimEnd()}\n${indent}` } : draft;
}
