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
  const typed = typedSince(shown, now);
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

/**
 * The characters typed since a place was left, where only typing happened. The excerpt's start may have moved
 * meanwhile, so the shorter of the two prefixes has to be the end of the other's.
 */
export function typedSince(then: Place, now: Place): string | undefined {
  if (now.prefix.startsWith(then.prefix)) return now.prefix.slice(then.prefix.length);
  const tail = then.prefix.slice(-200);
  const at = tail.length < 200 ? -1 : now.prefix.lastIndexOf(tail);
  return at < 0 ? undefined : now.prefix.slice(at + tail.length);
}
