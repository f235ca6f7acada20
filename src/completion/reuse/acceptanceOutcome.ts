import type { Suggesting } from './generation';
import type { TypedSince } from './typedSince';

/** Whether a suggestion became text of the document. */
export type AcceptanceOutcome =
  /** Unknown yet: the text typed since agrees with the suggestion so far. */
  | { readonly kind: 'open' }
  /** The number of its characters that the document now holds: all, those of its first lines, or 0. */
  | { readonly kind: 'settled'; readonly characters: number }
  /** Unknown for ever, because the cursor moved elsewhere. */
  | { readonly kind: 'lost' };

/** Compares a suggestion with the document now. Accepted and typed text count alike. */
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
