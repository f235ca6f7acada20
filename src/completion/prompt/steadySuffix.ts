import type { Excerpt } from './prompt';

/** What an editor writes after the cursor by itself: brackets and quotes, on lines of their own too. */
const CLOSERS = /^[\s)\]}'"`]*/;
/** More than this closes no block that was opened a moment ago. */
const MOST_CLOSERS = 200;

type Text = Pick<Excerpt, 'suffix'> & { readonly document: string };

/**
 * The text after the cursor as the prompt shows it. The prompt begins with it, so the engine would read all of it again when
 * the editor closes a block that was just opened, and once more when that closer is typed over. Therefore the prompt shows
 * what stood there before, for as long as only closers come on top of it.
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

/** Whether a text is another with closers before it. Both may be cut off at their ends. */
function isBehindClosers(before: string, now: string): boolean {
  const most = Math.min(MOST_CLOSERS, CLOSERS.exec(now)?.[0].length ?? 0);
  for (let added = 0; added <= most; added++) {
    if (before.startsWith(now.slice(added)) && before.length - (now.length - added) <= added) return true;
  }
  return false;
}
