import type { Cursor } from '../cursor';
import { leadingBlanks } from '../syntax/indentation';
import { balancedEnd, withoutDangling } from './balancedEnd';
import { cutAt, type Draft, type Filter } from './filter';

/** A word that may continue. */
const LAST_WORD = /[\w$\p{L}\p{M}\p{N}]+$/u;
/** The end of a statement or an expression, if nothing is open there. */
const COMPLETE_END = /[;)\]}"'`>]$/;

/** The end of a line of code that opens a block. */
const OPENS_BLOCK = /(?:[{([:]|=>|\b(?:then|do|else|in|begin))$|^\s*#\s*(?:if|ifdef|ifndef|elif|else)\b/;
const LEADING_CLOSERS = /^\s*[)\]}]+/;

/**
 * Removes an end that is none: the line, or the part of the only line, at which the decode ran out of tokens, and a last
 * line that opens a block which nothing fills.
 */
export const unfinished: Filter = (cursor) => (draft) =>
  draft.open ? draft : withoutEmptyBlock(draft.isCut ? finishedPart(draft, cursor) : draft, cursor);

/** The finished lines of a text that was cut off, or the finished part of its only line. */
function finishedPart(draft: Draft, cursor: Cursor): Draft {
  const { text } = draft;
  if (COMPLETE_END.test(text) && balancedEnd(text, cursor) === text.length) return draft;
  const lineEnd = text.lastIndexOf('\n');
  if (text.slice(0, Math.max(0, lineEnd)).trim() !== '') return cutAt(draft, lineEnd);
  const words = text.replace(LAST_WORD, '');
  const end = balancedEnd(words, cursor);
  const kept = withoutDangling(words.slice(0, end), cursor);
  // One word before an open bracket, such as `if`, is no suggestion.
  return cutAt(draft, end < words.length && /^\s*\w*$/.test(kept) ? 0 : kept.length);
}

/** Cuts last lines of several that only open a block. A single line that opens one is the head that the user asked for. */
function withoutEmptyBlock(draft: Draft, cursor: Cursor): Draft {
  if (cursor.lexicon.kind !== 'code') return draft;
  let left = draft;
  for (;;) {
    const text = left.text.trimEnd();
    const lineStart = text.lastIndexOf('\n') + 1;
    if (text.slice(0, lineStart).trim() === '') return left;
    const line = text.slice(lineStart);
    const code = cursor.scan(text).code.slice(lineStart).trimEnd();
    // A comment behind the head is blanked. An open string is none.
    if (!OPENS_BLOCK.test(code) || isFilledAfter(line, cursor)) return left;
    // The bracket that ends the block before belongs to that block.
    const closers = LEADING_CLOSERS.exec(line)?.[0].length;
    left = cutAt(left, closers === undefined ? lineStart - 1 : lineStart + closers);
  }
}

/** Whether the lines after the cursor are deeper than a line, so they are its block. */
function isFilledAfter(line: string, { following, lineSuffix }: Cursor): boolean {
  if (lineSuffix.trim() !== '') return true;
  const next = following.split('\n').find((other) => other.trim() !== '');
  return next !== undefined && leadingBlanks(next).length > leadingBlanks(line).length;
}
