import { isClosing } from '../syntax/closers';
import { balancedEnd, leftOpen, withoutDangling } from './balancedEnd';
import { cutAt, type Filter } from './filter';

/** Before the closing marks of the line, cuts a text that opens a bracket or a string and does not close it. */
export const unclosed: Filter = (cursor) => {
  const { lineSuffix, languageId } = cursor;
  if (lineSuffix.trim() === '' || !isClosing(lineSuffix, languageId)) return (draft) => draft;
  return (draft) => {
    if (draft.open || lineSuffix.slice(draft.replaces).trim() === '' || draft.text.includes('\n')) return draft;
    const opened = leftOpen(cursor.scan(draft.text));
    if (opened.length === 0) return draft;
    // Marks on the line that close nothing before the cursor may close items of the text.
    const free = cursor.after.closers.filter(({ depth, offset }) => depth === undefined && offset < lineSuffix.length);
    if (free.length >= opened.length) return draft;
    return cutAt(draft, withoutDangling(draft.text.slice(0, balancedEnd(draft.text, cursor)), cursor).length);
  };
};
