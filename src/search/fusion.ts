/**
 * The weight of the embedding next to the words, 0 to 1, as measured by `bench/search.mts` and `bench/pictures.mts`. For code it is small
 * because the encoder has been trained little; pictures have few words but their names.
 */
export const MEANING_WEIGHTS = { code: 0.15, pictures: 0.4 };

/** How good a piece is for a query. */
export interface Scores {
  /** Of both parts, 0 to 1: pieces are ranked by it. */
  readonly score: number;
  /** The share of the query's words that it has, by BM25, 0 to 1. Absent if words were not compared. */
  readonly words?: number;
  /** The cosine between the query's embedding and its own, -1 to 1. Absent if it is not embedded yet, or far from the nearest. */
  readonly meaning?: number;
}

/** One that a ranking has found; `key` is the same in both. */
export interface Ranked<Key> {
  readonly key: Key;
  readonly score: number;
}

export interface FuseOptions<Key> {
  readonly count: number;
  /** Of the meaning, 0 to 1; the words have the rest. */
  readonly weight: number;
  /** What the score of one is multiplied with; 1 if absent. */
  readonly prior?: ((key: Key) => number) | undefined;
}

/**
 * One ranking of two, by the weighted sum of their scores. A piece that one ranking lacks has there no words, or the cosine of the last
 * one: it is no nearer, and one that is not embedded yet shall not fall behind all others.
 * @param words best first, scores 0 to 1
 * @param meaning best first, cosines
 */
export function fuse<Key>(
  words: readonly Ranked<Key>[],
  meaning: readonly Ranked<Key>[],
  { count, weight, prior = () => 1 }: FuseOptions<Key>,
): (Scores & { readonly key: Key })[] {
  const cosines = new Map(meaning.map(({ key, score }) => [key, score]));
  const floor = Math.max(0, meaning.at(-1)?.score ?? 0);
  const shares = new Map(words.map(({ key, score }) => [key, score]));
  const keys = new Set([...shares.keys(), ...cosines.keys()]);
  return Array.from(keys, (key) => {
    const [share, cosine] = [shares.get(key), cosines.get(key)];
    return {
      key,
      score: prior(key) * ((1 - weight) * (share ?? 0) + weight * Math.max(0, cosine ?? floor)),
      ...(weight < 1 ? { words: share ?? 0 } : {}),
      ...(cosine === undefined ? {} : { meaning: cosine }),
    };
  })
    .sort((a, b) => b.score - a.score)
    .slice(0, count);
}
