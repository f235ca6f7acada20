import type { Cursor } from '../cursor';
import { isClosing } from '../syntax/closers';
import type { Lexicon } from '../syntax/lexicon';
import { cutAt, type Draft, type Filter } from './filter';

/** Before code that follows on the line, only what joins it: a text that arrives at it, or one that needs it to go on. */
export const midLine: Filter = (cursor) => {
  const rest = cursor.lineSuffix.trim();
  if (isClosing(rest, cursor.languageId)) return (draft) => draft;
  return (draft) => {
    // A text that has arrived at the rest of the line will not need what comes after it.
    const met = meetingOf(draft, rest, cursor);
    if (met !== undefined) return cutAt(draft, endBefore(draft.text, met, cursor));
    if (draft.open) return draft;
    const [text = ''] = draft.text.split('\n');
    return joins(text, rest, cursor) ? cutAt(draft, text.length) : cutAt(draft, 0);
  };
};

/** Where a text begins to repeat the rest of the line: all of it, or up to the text's end. */
function meetingOf({ text, open }: Draft, rest: string, cursor: Cursor): number | undefined {
  const [line = ''] = text.split('\n');
  for (let at = line.indexOf(rest); at >= 0; at = line.indexOf(rest, at + 1)) {
    if (isBoundary(line, at, rest) && isBalanced(line.slice(0, at), cursor)) return at;
  }
  // A text that goes on may meet it further on.
  if (open) return undefined;
  for (let n = Math.min(rest.length - 1, line.length); n > 0; n--) {
    const at = line.length - n;
    if (!line.endsWith(rest.slice(0, n)) || !isBoundary(line, at, rest)) continue;
    // A word or two signs: one bracket alone is met by chance.
    if (/\w{2}|\W{2}/.test(rest.slice(0, n)) && isBalanced(line.slice(0, at), cursor)) return at;
  }
  return undefined;
}

/** Blanks before the rest of the line stand once. */
function endBefore(text: string, met: number, { lineSuffix }: Cursor): number {
  return /^\s/.test(lineSuffix) ? text.slice(0, met).trimEnd().length : met;
}

/** The rest of the line begins a word of its own there, or stands directly behind the cursor. */
function isBoundary(line: string, at: number, rest: string): boolean {
  return at === 0 || !(/\w$/.test(line.slice(0, at)) && /^\w/.test(rest));
}

/** It neither leaves a bracket open nor closes one, nor begins or ends a string or a comment. */
function isBalanced(text: string, cursor: Cursor): boolean {
  const { opened, closers } = cursor.scan(text);
  return opened.length === 0 && closers.length === 0;
}

const OPERAND_END = /[\w$)\]}"'`]\s*$/;
const STATEMENT_END = /[;}]\s*$/;
/** What may follow an operand. */
const INFIX = /^(?:[)\]},;:?.=+*%&|^<>/-]|=>|(?:instanceof|in|of|is|as|and|or|if|else|for|from|extends|implements)\b)/;
/** What stands before an operand and takes it. */
const TAKES_OPERAND =
  /(?:[([{,:?.=+*%&|^<>!~/-]|=>|\b(?:return|await|yield|throw|new|typeof|void|delete|not|and|or|in|is|const|let|var|case|else|if|elif|while|mut|pub|static|final|async|export|import|from|as|lambda|echo|sudo|def|fn|func|function|class|public|private|protected))\s*$/;

/** The text and the rest of the line make one whole: between them stands what joins them. */
function joins(text: string, rest: string, cursor: Cursor): boolean {
  if (text.trim() === '' || !isBalanced(text, cursor)) return false;
  const { lineSuffix: line, linePrefix, lexicon } = cursor;
  const isSpaced = /^\s/.test(line) || /\s$/.test(text);
  if (!isSpaced && /\w$/.test(text) && /^\w/.test(rest)) return false;
  if (cursor.isWithinText) return isSpaced || /^\W/.test(rest);
  if (beginsComment(rest, lexicon)) return true;
  if (STATEMENT_END.test(text)) return false;
  const beforeRest = linePrefix + text;
  // An operand has to be taken by what comes before it; a sign or a bracket takes an operand.
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
