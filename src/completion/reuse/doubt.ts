import { withoutClosers } from '../prompt/closers';
import { confidentHead, mayShowMore, scoreBoundAt, type Piece } from '../decode/confidence';
import type { Plan } from '../plan';
import { isSameSuffix, typedSince } from './reuse';

/** What was written where none of it was sure enough to be shown. */
export interface Doubt {
  readonly plan: Plan;
  readonly pieces: readonly Piece[];
}

/**
 * Whether a plan would come to nothing like the one before: what was typed since is what the model wrote, so it would
 * write the rest again, of which no head is sure enough, nor could be with more behind it. Of a piece that is typed in
 * part it is not known how sure its rest is: it counts as certain.
 * @param weights of the submodel's score
 */
export function isStillInDoubt({ plan: before, pieces }: Doubt, plan: Plan, weights?: readonly number[]): boolean {
  const isSame =
    before.request.document === plan.request.document &&
    isSameSuffix(withoutClosers(before.request.suffix), withoutClosers(plan.request.suffix)) &&
    before.author === plan.author &&
    before.decision.multiline === plan.decision.multiline;
  const typed = isSame ? typedSince(before.request, plan.request) : undefined;
  const rest = typed === undefined ? [] : after(pieces, typed);
  return (
    rest.length > 0 &&
    confidentHead(rest, plan.cursor, weights, plan.minScore) === '' &&
    !mayShowMore(rest, scoreBoundAt(plan.cursor, weights, plan.minScore))
  );
}

/** The pieces behind a text that they begin with; none where they do not, or go no further. */
function after(pieces: readonly Piece[], text: string): readonly Piece[] {
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
