import type { Suggestion } from '../outcome';

/** A place in a document and what was suggested there. */
export interface Place {
  /** Distinguishes documents. */
  readonly document: string;
  readonly prefix: string;
  readonly suffix: string;
}

export interface Remembered extends Place {
  readonly suggestion: Suggestion;
}

/** Brackets and quotes that stand at the head of a text, as an editor closes them. */
const CLOSERS = /^[)\]}'"`]*/;

/**
 * What is left of a suggestion where the user typed along with it; undefined where something else was typed.
 * Brackets that the editor closed on the way are replaced if the suggestion closes them too, and of those that it replaced
 * from the beginning some may have been typed over.
 */
export function typedAlong(shown: Remembered, now: Place): Suggestion | undefined {
  if (shown.document !== now.document) return undefined;
  const typed = typedSince(shown, now, shown.suggestion.text.length);
  if (typed === undefined || !shown.suggestion.text.startsWith(typed)) return undefined;
  const text = shown.suggestion.text.slice(typed.length);
  if (text === '') return undefined;
  const closed = closedSince(shown, now);
  if (closed !== undefined) {
    return [...closed].every((bracket) => text.includes(bracket))
      ? { text, replaces: shown.suggestion.replaces + closed.length }
      : undefined;
  }
  for (let replaces = shown.suggestion.replaces - 1; replaces >= 0; replaces--) {
    const left = shown.suffix.slice(shown.suggestion.replaces - replaces);
    if (isSameSuffix(left, now.suffix)) return { text, replaces };
  }
  return undefined;
}

/** The brackets and quotes that stand now before the text that was after the cursor; undefined where something else changed. */
function closedSince(then: Place, now: Place): string | undefined {
  const [closers] = CLOSERS.exec(now.suffix) ?? [''];
  for (let length = 0; length <= closers.length; length++) {
    if (isSameSuffix(now.suffix.slice(length), then.suffix)) return closers.slice(0, length);
  }
  return undefined;
}

/** Where an excerpt's start or end has moved, so much text is taken for the same place. */
const SAME_CHARS = 200;

/** Whether two excerpts have the same text after the cursor: they end where they have enough, which may be at different places. */
export function isSameSuffix(a: string, b: string): boolean {
  const common = Math.min(a.length, b.length);
  return a === b || (common >= SAME_CHARS && a.slice(0, common) === b.slice(0, common));
}

/**
 * The characters typed since a place was left, where only typing happened. The excerpt's start may have moved
 * meanwhile, so the end of the text before the cursor is looked for in what stands there now.
 * @param most where more is typed than this it need not be told
 */
export function typedSince(then: Place, now: Place, most = Infinity): string | undefined {
  if (now.prefix.startsWith(then.prefix)) return now.prefix.slice(then.prefix.length);
  const tail = then.prefix.slice(-SAME_CHARS);
  const recent = now.prefix.slice(-(SAME_CHARS + most));
  const at = tail.length < SAME_CHARS ? -1 : recent.lastIndexOf(tail);
  return at < 0 ? undefined : recent.slice(at + SAME_CHARS);
}
