import type { Cursor } from '../cursor';
import { unmatched } from '../syntax/brackets';
import { closingHead, isClosing } from '../syntax/closers';
import type { Lexicon } from '../syntax/lexicon';
import { cutAt, type Draft, type Filter } from './filter';

/** Before code on the rest of the line, shows only a text that ends with it or that it continues. */
export const midLine: Filter = (cursor) => {
  const rest = cursor.lineSuffix.trim();
  if (isClosing(rest, cursor.languageId)) return (draft) => draft;
  return (draft) => {
    // Once a text has reached the rest of the line, nothing more is needed.
    const met = meetingOf(draft, rest, cursor);
    if (met !== undefined) return cutAt(draft, endBefore(draft.text, met, cursor));
    const closed = closedAt(draft.text, rest, cursor);
    if (closed !== undefined) return cutAt(draft, closed);
    if (draft.open) return draft;
    const text = beforeCloser(draft.text.split('\n', 1)[0] ?? '', rest, cursor);
    return joins(text, rest, cursor) ? cutAt(draft, text.length) : cutAt(draft, 0);
  };
};

/** The offset at which a text begins to repeat the rest of the line, all of it or up to the text's end. */
function meetingOf({ text, open }: Draft, rest: string, cursor: Cursor): number | undefined {
  const [line = ''] = text.split('\n');
  for (let at = line.indexOf(rest); at >= 0; at = line.indexOf(rest, at + 1)) {
    if (isBoundary(line, at, rest) && isBalanced(line.slice(0, at), cursor)) return at;
  }
  // An open text may still reach it.
  if (open) return undefined;
  for (let n = Math.min(rest.length - 1, line.length); n > 0; n--) {
    const at = line.length - n;
    if (!line.endsWith(rest.slice(0, n)) || !isBoundary(line, at, rest)) continue;
    // One bracket alone may match by chance.
    if (/\w{2}|\W{2}/.test(rest.slice(0, n)) && isBalanced(line.slice(0, at), cursor)) return at;
  }
  return undefined;
}

/**
 * The offset at which a text in prose or in a string first writes the mark with which the rest of the line begins. That
 * mark closes an item from before the cursor, so the rest begins there. Quotes within words are apostrophes.
 */
function closedAt(text: string, rest: string, cursor: Cursor): number | undefined {
  if (!cursor.isWithinText) return undefined;
  const first = closingHead(rest, cursor.languageId).marks[0];
  if (first === undefined || !rest.startsWith(first)) return undefined;
  // Emphasis may have two marks: `**`.
  const mark = !/[)\]}]/.test(first) && rest.startsWith(first + first) ? first + first : first;
  const [line = ''] = text.split('\n');
  if (/[)\]}]/.test(mark)) {
    const [closer] = unmatched(line).closers;
    return closer?.bracket === mark ? closer.offset : undefined;
  }
  // Only a mark that is open on the line before the cursor is closed there.
  if (cursor.linePrefix.split(mark).length % 2 === 1) return undefined;
  for (let at = line.indexOf(mark); at >= 0; at = line.indexOf(mark, at + 1)) {
    const isApostrophe = /\w$/.test(line.slice(0, at)) && /^\w/.test(line.slice(at + mark.length));
    if (!isApostrophe && unmatched(line.slice(0, at)).openers.length === 0) return at;
  }
  return undefined;
}

/** A text up to the bracket that the rest of the line closes, because the two differ behind that bracket. */
function beforeCloser(text: string, rest: string, cursor: Cursor): string {
  const [closer] = cursor.scan(text).closers;
  return closer && rest.startsWith(closer.text) ? text.slice(0, closer.offset) : text;
}

/** Avoids double blanks before the rest of the line. */
function endBefore(text: string, met: number, { lineSuffix }: Cursor): number {
  return /^\s/.test(lineSuffix) ? text.slice(0, met).trimEnd().length : met;
}

/** The rest of the line begins a new word there, or follows the cursor directly. */
function isBoundary(line: string, at: number, rest: string): boolean {
  return at === 0 || !(/\w$/.test(line.slice(0, at)) && /^\w/.test(rest));
}

/** The text neither opens nor closes a bracket, a string or a comment that lies partly outside it. */
function isBalanced(text: string, cursor: Cursor): boolean {
  const { opened, closers } = cursor.scan(text);
  return opened.length === 0 && closers.length === 0;
}

const OPERAND_END = /[\w$)\]}"'`]\s*$/;
const STATEMENT_END = /[;}]\s*$/;
/** Tokens that may follow an operand. */
const INFIX = /^(?:[)\]},;:?.=+*%&|^<>/-]|=>|(?:instanceof|in|of|is|as|and|or|if|else|for|from|extends|implements)\b)/;
/** Tokens that take an operand on their right. */
const TAKES_OPERAND =
  /(?:[([{,:?.=+*%&|^<>!~/-]|=>|\b(?:return|await|yield|throw|new|typeof|void|delete|not|and|or|in|is|const|let|var|case|else|if|elif|while|mut|pub|static|final|async|export|import|from|as|lambda|echo|sudo|def|fn|func|function|class|public|private|protected))\s*$/;

/** The text and the rest of the line form one expression. */
function joins(text: string, rest: string, cursor: Cursor): boolean {
  if (text.trim() === '' || !isBalanced(text, cursor)) return false;
  const { lineSuffix: line, linePrefix, lexicon } = cursor;
  const isSpaced = /^\s/.test(line) || /\s$/.test(text);
  if (!isSpaced && /\w$/.test(text) && /^\w/.test(rest)) return false;
  if (cursor.isWithinText) return isSpaced || /^\W/.test(rest);
  if (beginsComment(rest, lexicon)) return true;
  if (STATEMENT_END.test(text)) return false;
  const beforeRest = linePrefix + text;
  // An operand needs a token before it that takes one; an operator or a closing bracket needs an operand before it.
  if (/^[\w$"'`([{@#]/.test(rest) && !INFIX.test(rest))
    return TAKES_OPERAND.test(beforeRest) || isCall(rest, text, line);
  return INFIX.test(rest) ? OPERAND_END.test(beforeRest) : true;
}

/** The brackets of a call or an index stand directly behind its name. */
function isCall(rest: string, text: string, line: string): boolean {
  return /^[([]/.test(rest) && /[\w$)\]]$/.test(text) && !/^\s/.test(line);
}

function beginsComment(rest: string, { lineComments, blockComments }: Lexicon): boolean {
  return [...lineComments, ...blockComments.map(([open]) => open)].some((mark) => rest.startsWith(mark));
}
