import type { Suggesting } from './generation';
import { type Remaining, remainingOf } from './remaining';
import type { TypedSince } from './typedSince';

/**
 * What remains of the latest generation with a key that the text at the cursor agrees with. A generation serves every
 * position that typing along with it leads to. So it is found again after something else was typed and deleted.
 * @param generations the latest first
 */
export function findCached(
  generations: readonly Suggesting[],
  since: TypedSince,
  cacheKey: string,
): Remaining | undefined {
  for (const generation of generations) {
    const remaining = generation.cacheKey === cacheKey ? remainingOf(generation, since) : undefined;
    if (remaining) return remaining;
  }
  return undefined;
}
