import type { Cursor } from '../cursor';
import { unmatched } from '../syntax/brackets';
import { type Closing, closingHead, isClosing, markEnds } from '../syntax/closers';
import { leadingBlanks } from '../syntax/indentation';
import { cutAt, type Draft, type Filter } from './filter';

/**
 * Fits a finished text to the closing marks on the rest of the line. Marks that it repeats at its end are cut off, and
 * marks that it writes further inside replace those on the line.
 */
export const lineSuffix: Filter = (cursor) => {
  const { lineSuffix: line, languageId } = cursor;
  const rest = line.trimEnd();
  if (rest === '' || !isClosing(rest, languageId)) return (draft) => draft;
  const closing = closingHead(rest, languageId);
  const rests: Rest[] = [...new Set([rest, rest.trimStart()])].map((following) => ({
    following,
    ends: markEnds(following, languageId).toReversed(),
  }));
  return (draft) => {
    if (draft.open) return draft;
    const overlap = overlapOf(draft.text, rests, cursor);
    if (overlap > 0) {
      const text = draft.text.slice(0, -overlap);
      return cutAt(draft, /^\s/.test(rest) ? text.trimEnd().length : text.length);
    }
    const replaces = replacedBy(closersOf(draft.text, cursor), closing, line);
    if (replaces > 0) return { ...draft, replaces };
    return beforeRest(draft, cursor);
  };
};

/** The rest of the line, and the ends of its marks, the last first. */
interface Rest {
  readonly following: string;
  readonly ends: readonly number[];
}

/** Number of characters at the end of a text that follow the cursor already and that it does not need for its balance. */
function overlapOf(text: string, rests: readonly Rest[], cursor: Cursor): number {
  for (const { following, ends } of rests) {
    for (const n of ends) {
      const end = following.slice(0, n);
      if (n > text.length || !text.endsWith(end)) continue;
      const isNeeded =
        /[)\]}]/.test(end) && closersOf(text.slice(0, -n), cursor).length >= closersOf(text, cursor).length;
      return isNeeded ? 0 : n;
    }
  }
  return 0;
}

/** The marks of a text that close items from before it. In a string or a comment, only brackets count. */
function closersOf(text: string, cursor: Cursor): string[] {
  const { closers } = cursor.scan(text);
  const marks = closers.map(({ text: mark }) => mark);
  if (!cursor.isWithinText) return marks;
  const within = text.slice(0, closers[0]?.offset ?? text.length);
  return [...unmatched(within).closers.map(({ bracket }) => bracket), ...marks];
}

/** Number of characters on the rest of the line whose marks the text repeats in the same order. */
function replacedBy(closers: readonly string[], { marks }: Closing, line: string): number {
  let written = 0;
  for (const closer of closers) if (closer === marks[written]) written++;
  let end = 0;
  for (const mark of marks.slice(0, written)) end = line.indexOf(mark, end) + mark.length;
  return end > 0 && line.slice(end).trim() === '' ? line.length : end;
}

/** Cuts a text of several lines that would separate the rest of the line from its beginning, unless the rest only closes. */
function beforeRest(draft: Draft, { linePrefix, lineSuffix: rest, scan }: Cursor): Draft {
  const lineEnd = draft.text.indexOf('\n');
  if (lineEnd < 0) return draft;
  if (scan(draft.text).opened.length > 0) return cutAt(draft, lineEnd);
  // The text is a body between two brackets or tags of one line: the closing one moves to a line of its own.
  const isBody = lineEnd === 0 && (/[{([]\s*$/.test(linePrefix) || (/>\s*$/.test(linePrefix) && /^\s*<\//.test(rest)));
  return isBody ? { ...draft, text: `${draft.text.trimEnd()}\n${leadingBlanks(linePrefix)}` } : draft;
}
