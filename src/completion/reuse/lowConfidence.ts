import { confidentHead, mayShowMore, type Piece, scoreBoundAt } from '../decode/confidence';
import type { Plan } from '../plan';
import { withoutClosers } from '../prompt/closers';
import type { Generation } from './generation';
import { isSameSuffix, type TypedSince } from './typedSince';

/**
 * Whether a decode would be rejected for low confidence again. This is so if the typed text agrees with an earlier
 * prediction, and the rest of that prediction can never reach the required score. The probability of a piece that is typed
 * in part is unknown, so its rest counts as certain.
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

/** The pieces after a text with which they begin; none if they do not begin with it. */
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
