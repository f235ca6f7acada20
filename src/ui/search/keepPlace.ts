/**
 * New results with the one that the user is at, so that nothing moves away under the hand: if the new ones lack it, it stays at its
 * place among them.
 * @param held the key of the result that the user has chosen; undefined if they have chosen none
 */
export function keepPlace<T>(
  before: readonly T[],
  after: readonly T[],
  held: string | undefined,
  keyOf: (result: T) => string,
): readonly T[] {
  const place = before.findIndex((result) => keyOf(result) === held);
  const kept = before[place];
  if (kept === undefined || after.some((result) => keyOf(result) === held)) return after;
  return after.toSpliced(place, 0, kept);
}
