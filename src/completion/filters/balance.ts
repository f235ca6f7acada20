import type { Cursor } from '../cursor';
import { indentation } from '../syntax/indentation';
import { scan } from '../syntax/lexer';
import { type Closer, isBracket, type Open, type Scan, withoutLineBound } from '../syntax/reader';
import { cutAt, type Draft, type Filter } from './filter';

/** Cuts before the first mark that closes no open item, or an item that the text after the cursor already closes. */
export const balance: Filter = (cursor) => {
  // Most drafts close nothing, so the text around the cursor is scanned only if one does.
  const afterFrom = scansOfSuffix(cursor);
  return (draft) => {
    const { closers, open: openAtEnd } = cursor.scan(draft.text);
    const stray = closers.find((closer) => {
      // It may be the first half of the mark that closes the template around the cursor.
      if (draft.open && isHalf(draft.text.slice(closer.offset), openAtEnd.at(-1))) return false;
      const open = closer.depth === undefined ? undefined : cursor.before.open[closer.depth];
      return isBracket(open?.opener ?? closer.text)
        ? isStrayBracket(cursor, draft, closer, afterFrom)
        : open !== undefined && isClosedAfter(cursor, open, closer);
    });
    return stray === undefined ? draft : cutAt(draft, draft.text.slice(0, stray.offset).trimEnd().length);
  };
};

function isHalf(text: string, open: Open | undefined): boolean {
  return open !== undefined && open.closer.length > text.length && open.closer.startsWith(text);
}

/** Scans of the text after the cursor from an offset on. Each is made once. */
function scansOfSuffix(cursor: Cursor): (offset: number) => Scan {
  const scans = new Map<number, Scan>();
  return (offset) => {
    const known = scans.get(offset);
    if (known) return known;
    const { suffix, lexicon, before } = cursor;
    const open = offset === 0 ? before.open : withoutLineBound(before.open);
    const read = offset === 0 ? cursor.after : scan(suffix.slice(offset), lexicon, { open, before: ' ' });
    scans.set(offset, read);
    return read;
  };
}

function isStrayBracket(
  cursor: Cursor,
  draft: Draft,
  { offset, depth }: Closer,
  afterFrom: (offset: number) => Scan,
): boolean {
  const open = cursor.before.open.filter(({ opener }) => isBracket(opener));
  // The excerpt may begin inside a block: a bracket at the start of a line may close that block.
  if (depth === undefined) return open.length > 0 || !beginsLine(cursor.linePrefix + draft.text.slice(0, offset));
  // The rest of the line may still be replaced while the draft is open.
  const rest = draft.open ? cursor.suffix.length - cursor.following.length : draft.replaces;
  const closers = afterFrom(rest).closers.filter(({ text }) => isBracket(text));
  return closers.length >= open.length && closers.slice(0, open.length).every((closer) => closer.depth !== undefined);
}

function beginsLine(before: string): boolean {
  return /^[\s)\]}]*$/.test(before.slice(before.lastIndexOf('\n') + 1));
}

/** Whether the lines after the cursor close the same comment, string, fence or element. */
function isClosedAfter({ prefix, suffix, after, lineSuffix }: Cursor, open: Open, { depth }: Closer): boolean {
  const closer = after.closers.find((other) => other.depth === depth);
  // The filter lineSuffix handles marks on the cursor's line.
  if (!closer || closer.offset < lineSuffix.length) return false;
  const between = suffix.slice(0, closer.offset);
  switch (open.mode.reads) {
    case 'comment':
      // A second opener in between means that the mark ends another comment.
      return !between.includes(open.opener);
    case 'string':
      // A string that began on the cursor's line is likely to end there too.
      return prefix.includes('\n', open.offset) && !opensAnother(suffix, closer.offset, open);
    case 'lines':
      return true;
    default:
      return indentation(lineAt(prefix, open.offset)) === indentation(lineAt(suffix, closer.offset));
  }
}

/** Long strings open and close with the same mark. An opening one follows a block head or an operator, or has words behind it. */
function opensAnother(suffix: string, offset: number, { closer }: Open): boolean {
  const before = lineAt(suffix, offset).slice(0, offset - (suffix.lastIndexOf('\n', offset - 1) + 1));
  const behind = /^[^\n]*/.exec(suffix.slice(offset + closer.length))?.[0] ?? '';
  const above = suffix.slice(0, offset - before.length).trimEnd();
  return /[=([{,]\s*$/.test(before) || /^\w/.test(behind) || (before.trim() === '' && above.endsWith(':'));
}

function lineAt(text: string, offset: number): string {
  const end = text.indexOf('\n', offset);
  return text.slice(text.lastIndexOf('\n', offset - 1) + 1, end < 0 ? undefined : end);
}
