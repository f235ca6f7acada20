import type { Suggestion } from './outcome';

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

const CLOSERS = /^[)\]}'"`]+$/;

/**
 * What is left of a suggestion where the user typed along with it; undefined where something else was typed.
 * Brackets that the editor closed on the way are replaced if the suggestion closes them too.
 */
export function typedAlong(shown: Remembered, now: Place): Suggestion | undefined {
  if (shown.document !== now.document) return undefined;
  const typed = typedSince(shown, now, shown.suggestion.text.length);
  if (typed === undefined || !shown.suggestion.text.startsWith(typed)) return undefined;
  const text = shown.suggestion.text.slice(typed.length);
  if (text === '') return undefined;
  const closed = now.suffix.slice(0, now.suffix.length - shown.suffix.length);
  if (!now.suffix.endsWith(shown.suffix)) return undefined;
  if (closed === '') return { text, replaces: shown.suggestion.replaces };
  if (!CLOSERS.test(closed)) return undefined;
  return [...closed].every((bracket) => text.includes(bracket))
    ? { text, replaces: shown.suggestion.replaces + closed.length }
    : undefined;
}

/** Where an excerpt's start has moved, so much text is taken for the same place. */
const TAIL_CHARS = 200;

/**
 * The characters typed since a place was left, where only typing happened. The excerpt's start may have moved
 * meanwhile, so the end of the text before the cursor is looked for in what stands there now.
 * @param most where more is typed than this it need not be told
 */
export function typedSince(then: Place, now: Place, most = Infinity): string | undefined {
  if (now.prefix.startsWith(then.prefix)) return now.prefix.slice(then.prefix.length);
  const tail = then.prefix.slice(-TAIL_CHARS);
  const recent = now.prefix.slice(-(TAIL_CHARS + most));
  const at = tail.length < TAIL_CHARS ? -1 : recent.lastIndexOf(tail);
  return at < 0 ? undefined : recent.slice(at + TAIL_CHARS);
}
