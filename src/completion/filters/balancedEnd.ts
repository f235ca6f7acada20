import type { Cursor } from '../cursor';
import type { Open, Scan } from '../syntax/reader';

/** The longest beginning of a text that closes every bracket and string that it opens. A line's comment may stay open. */
export function balancedEnd(text: string, cursor: Cursor): number {
  let end = text.length;
  while (end > 0 && leftOpen(cursor.scan(text.slice(0, end))).length > 0) end--;
  if (end === text.length) return end;
  // The first characters of an opener belong to it, as in `f"`, `"""`, `${` and `<li>`.
  const opener = /["'`]/.test(text.charAt(end)) ? /[\w@$]*["'`]*$/ : /[<$#]$/;
  return end - (opener.exec(text.slice(0, end))?.[0].length ?? 0);
}

/** Marks that need something behind them. */
const DANGLING_IN_CODE = /(?:=>|[\s,.=+*/&|<-])+$/;
const DANGLING_IN_TEXT = /[\s,]+$/;

/** A text without the separators and operators at its end. */
export function withoutDangling(text: string, { isWithinText, lexicon }: Cursor): string {
  return text.replace(isWithinText || lexicon.kind !== 'code' ? DANGLING_IN_TEXT : DANGLING_IN_CODE, '');
}

/** The items that a text opens and leaves open, without comments. */
export function leftOpen({ opened }: Scan): readonly Open[] {
  return opened.filter(({ mode }) => mode.reads !== 'comment');
}
