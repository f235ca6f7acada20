import type { Cursor } from '../cursor';
import type { Open, Scan } from '../syntax/reader';

/** The longest beginning of a text that closes every bracket and string that it opens. A line's comment may stay open. */
export function balancedEnd(text: string, cursor: Cursor): number {
  let end = text.length;
  while (end > 0 && leftOpen(cursor.scan(text.slice(0, end))).length > 0) end--;
  // The prefix of a string belongs to it, as in `f"`.
  const prefix = /["'`]/.test(text.charAt(end)) ? /\w*$/.exec(text.slice(0, end))?.[0].length : undefined;
  return end - (prefix ?? 0);
}

/** The items that a text opens and leaves open, without comments. */
export function leftOpen({ opened }: Scan): readonly Open[] {
  return opened.filter(({ mode }) => mode.reads !== 'comment');
}
