import { confidentHead, mayShowMore, type Piece, scoreBoundAt } from '../decode/confidence';
import type { Plan } from '../plan';
import { withoutClosers } from '../prompt/closers';
import type { Generation } from './generation';
import { isSameSuffix, type TypedSince } from './typedSince';

/**
 * Whether a decode would be rejected for low confidence, as an earlier one was. What was typed since is what the model
 * wrote then, so it would write the rest again; no part of the rest is likely enough to be right, nor could be with more
 * text behind it. The probability of a piece that is typed in part is unknown, so the rest of it counts as certain.
 * @param weights of the submodel's score
 */
export function isKnownUnsure(
  { isUnsure, cacheKey, position, pieces }: Generation,
  since: TypedSince,
  plan: Pick<Plan, 'cacheKey' | 'cursor' | 'minScore'>,
  weights: readonly number[] | undefined,
): boolean {
  if (!isUnsure || cacheKey !== plan.cacheKey) return false;
  if (!isSameSuffix(withoutClosers(position.suffix), withoutClosers(since.now.suffix))) return false;
  const typed = since.at(position);
  const rest = typed === undefined ? [] : piecesAfter(pieces, typed);
  return (
    confidentHead(rest, plan.cursor, weights, plan.minScore) === '' &&
    !mayShowMore(rest, scoreBoundAt(plan.cursor, weights, plan.minScore))
  );
}

/** The pieces that follow a text that all of them begin with; none if they do not, or end there. */
function piecesAfter(pieces: readonly Piece[], text: string): readonly Piece[] {
  let left = text;
  for (const [i, piece] of pieces.entries()) {
    if (left === '') return pieces.slice(i);
    if (!piece.text.startsWith(left.slice(0, piece.text.length))) return [];
    if (left.length < piece.text.length)
      return [{ text: piece.text.slice(left.length), probability: 1 }, ...pieces.slice(i + 1)];
    left = left.slice(piece.text.length);
  }
  return [];
}
