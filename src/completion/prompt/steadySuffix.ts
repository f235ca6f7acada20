import type { Excerpt } from './prompt';

/** Brackets and quotes that an editor inserts after the cursor, also on lines of their own. */
const CLOSERS = /^[\s)\]}'"`]*/;
/** An editor inserts fewer characters than this. */
const MOST_CLOSERS = 200;

type Text = Pick<Excerpt, 'suffix'> & { readonly document: string };

/**
 * The text after the cursor for the prompt. The prompt begins with it, so all of it would have to be prefilled again when
 * the editor closes a new block, and once more when the closer is typed over. Therefore the prompt keeps the earlier text
 * while only closers are added before it.
 */
export class SteadySuffix {
  private shown: Text | undefined;

  of(now: Text): string {
    const { shown } = this;
    const isSame = shown?.document === now.document && isBehindClosers(shown.suffix, now.suffix);
    if (!isSame) this.shown = { document: now.document, suffix: now.suffix };
    return isSame ? shown.suffix : now.suffix;
  }
}

/** Whether a text is an earlier one after added closers. Both may be cut off at their ends. */
function isBehindClosers(before: string, now: string): boolean {
  const most = Math.min(MOST_CLOSERS, CLOSERS.exec(now)?.[0].length ?? 0);
  for (let added = 0; added <= most; added++) {
    if (before.startsWith(now.slice(added)) && before.length - (now.length - added) <= added) return true;
  }
  return false;
}
