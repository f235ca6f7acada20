import { type Place, type Remembered, typedSince } from './reuse';

/** What became of a suggestion. */
export type Fate =
  /** What was typed since agrees with it so far. */
  | { readonly kind: 'open' }
  /** The text now holds so many characters of it: all, or its first lines; 0 where not a line of it was right. */
  | { readonly kind: 'settled'; readonly characters: number }
  /** The cursor went elsewhere, so nothing can be said. */
  | { readonly kind: 'lost' };

/** Compare a suggestion with what stands there now, however it came there: accepted, or typed. */
export function fateOf(shown: Remembered, now: Place): Fate {
  const typed = shown.document === now.document ? typedSince(shown, now) : undefined;
  if (typed === undefined) return { kind: 'lost' };
  const { text } = shown.suggestion;
  if (typed.startsWith(text)) return { kind: 'settled', characters: text.length };
  if (text.startsWith(typed)) return { kind: 'open' };
  let same = 0;
  while (same < typed.length && typed[same] === text[same]) same++;
  return { kind: 'settled', characters: Math.max(0, text.lastIndexOf('\n', same)) };
}
