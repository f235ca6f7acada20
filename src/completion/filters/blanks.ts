import { isClosing } from '../syntax/closers';
import { cutAt, type Draft, type Filter } from './filter';

/** After this number of blank lines, a text counts as empty. */
const MAX_BLANK_LINES = 3;

/** Empty comment lines at the end of a text. */
const EMPTY_COMMENT = /(?:\n[ \t]*(?:#+|\/\/+|\*|--|;+)[ \t]*)+$/;

/** Removes blanks at the end of a text, and drops a text that has nothing but blanks. */
export const blanks: Filter = (cursor) => {
  const isLineEnd = isClosing(cursor.lineSuffix, cursor.languageId);
  return (draft) => trimmed(draft, cursor.lexicon.kind === 'code', isLineEnd);
};

function trimmed(draft: Draft, isCode: boolean, isLineEnd: boolean): Draft {
  if (draft.text.trim() === '') {
    const isEmpty = !draft.open || draft.text.split('\n').length > MAX_BLANK_LINES;
    return isEmpty ? cutAt(draft, 0) : draft;
  }
  // Before code, the blank may separate two words.
  if (draft.open || !isLineEnd) return draft;
  const text = draft.text.trimEnd();
  return { ...draft, text: isCode ? text.replace(EMPTY_COMMENT, '').trimEnd() : text };
}
