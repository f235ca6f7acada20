import type { Cursor } from '../cursor';
import { closes, unmatched, withoutOpenStrings, withoutStrings } from './brackets';
import { cutAt, type Draft, type Filter } from './filter';

/** Nothing from a bracket on that closes what is not open, or what is closed after the cursor. */
export const balance: Filter = (cursor) => {
  let openBefore: string[] | undefined; // a long text to look through, and most drafts close nothing
  return (draft) => {
    const { closers } = unmatched(withoutOpenStrings(draft.text));
    if (closers.length === 0) return draft;
    const open = (openBefore ??= unmatched(withoutStrings(cursor.prefix)).openers.map(({ bracket }) => bracket));
    const free = isClosedAfter(cursor, draft, open) ? [] : [...open];
    const stray = closers.find(({ bracket, offset }) => {
      const opener = free.pop();
      if (opener !== undefined) return !closes(bracket, opener);
      return open.length > 0 || !beginsLine(cursor.linePrefix + draft.text.slice(0, offset));
    });
    return stray === undefined ? draft : cutAt(draft, draft.text.slice(0, stray.offset).trimEnd().length);
  };
};

/** What was opened before the text that is at hand is closed at the head of a line. */
function beginsLine(before: string): boolean {
  return /(^|\n)[\s)\]}]*$/.test(before);
}

/** The text after the cursor closes all that is open before it, one by one. */
function isClosedAfter(cursor: Cursor, draft: Draft, open: readonly string[]): boolean {
  // What follows on the line may still be replaced while the text is not finished.
  const rest = draft.open ? cursor.following : cursor.suffix.slice(draft.replaces);
  const { closers } = unmatched(withoutStrings(rest));
  return (
    open.length > 0 &&
    open.length <= closers.length &&
    open.every((opener, i) => closes(closers[open.length - 1 - i]?.bracket ?? '', opener))
  );
}
