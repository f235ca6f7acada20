import type { Suggesting } from './generation';
import type { TypedSince } from './typedSince';

/** What became of a suggestion. */
export type AcceptanceOutcome =
  /** The text typed since agrees with it so far. */
  | { readonly kind: 'open' }
  /** The document now holds so many characters of it: all, or its first lines; 0 if not one line of it was right. */
  | { readonly kind: 'settled'; readonly characters: number }
  /** The cursor moved elsewhere, so it is unknown. */
  | { readonly kind: 'lost' };

/** Compare a suggestion with what the document holds now: accepted or typed, both count. */
export function acceptanceOutcome(
  { position, suggestion: { text } }: Suggesting,
  since: TypedSince,
): AcceptanceOutcome {
  const typed = since.at(position);
  if (typed === undefined) return { kind: 'lost' };
  if (typed.startsWith(text)) return { kind: 'settled', characters: text.length };
  if (text.startsWith(typed)) return { kind: 'open' };
  let same = 0;
  while (same < typed.length && typed[same] === text[same]) same++;
  return { kind: 'settled', characters: Math.max(0, text.lastIndexOf('\n', same)) };
}
