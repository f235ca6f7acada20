import { isClosing } from '../syntax/closers';
import { cutAt, type Filter } from './filter';

/** A line that begins so often without anything on it will not begin at all. */
const MAX_BLANK_LINES = 3;

/** No blanks at the end of a text, and nothing where there is nothing but blanks. */
export const blanks: Filter = (cursor) => (draft) => {
  if (draft.text.trim() === '') {
    const isEmpty = !draft.open || draft.text.split('\n').length > MAX_BLANK_LINES;
    return isEmpty ? cutAt(draft, 0) : draft;
  }
  // Before code, a blank may be what parts two words.
  if (draft.open || !isClosing(cursor.lineSuffix, cursor.languageId)) return draft;
  return { ...draft, text: draft.text.trimEnd() };
};
