import type { Suggesting } from './generation';
import { type Remaining, remainingOf } from './remaining';
import type { TypedSince } from './typedSince';

/**
 * The rest of the latest generation that has the key and agrees with the text at the cursor. A generation serves every
 * position within its suggestion, so it is found again after other text was typed and deleted. It is not found once the
 * text of its prompt has changed: it may use a name that is another now.
 * @param generations the latest first
 */
export function findCached(
  generations: readonly Suggesting[],
  since: TypedSince,
  cacheKey: string,
): Remaining | undefined {
  for (const generation of generations) {
    if (generation.cacheKey !== cacheKey) continue;
    const remaining = remainingOf(generation, since);
    if (remaining && since.isSameAbove(generation.position)) return remaining;
  }
  return undefined;
}
