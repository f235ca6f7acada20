import { isClosing } from '../syntax/closers';
import { cutAt, type Filter } from './filter';

/** A line that begins so often without anything on it will not begin at all. */
const MAX_BLANK_LINES = 3;

/** A comment's last line that says nothing. */
const EMPTY_COMMENT = /(?:\n[ \t]*(?:#+|\/\/+|\*|--|;+)[ \t]*)+$/;

/** No blanks at the end of a text, and nothing where there is nothing but blanks. */
export const blanks: Filter = (cursor) => (draft) => {
  if (draft.text.trim() === '') {
    const isEmpty = !draft.open || draft.text.split('\n').length > MAX_BLANK_LINES;
    return isEmpty ? cutAt(draft, 0) : draft;
  }
  // Before code, a blank may be what parts two words.
  if (draft.open || !isClosing(cursor.lineSuffix, cursor.languageId)) return draft;
  const text = draft.text.trimEnd();
  return { ...draft, text: cursor.lexicon.kind === 'code' ? text.replace(EMPTY_COMMENT, '').trimEnd() : text };
};
