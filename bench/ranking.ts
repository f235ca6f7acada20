/** Rankings as rows of a table, and the weight of the meaning in them: chosen on one half of the queries, measured on the other. */

/** Of the embedding next to the words; 0 and 1 are one of them alone. */
export const WEIGHTS = [0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];

export const HEAD = '| Ranking | Recall@1, % | Recall@10, % | MRR |\n| --- | ---: | ---: | ---: |\n';

/** @param ranks of the best answer to each query, from 1 */
export function line(name: string, ranks: readonly number[]): string {
  const share = (limit: number) => ((100 * ranks.filter((rank) => rank <= limit).length) / ranks.length).toFixed(1);
  return `| ${name} | ${share(1)} | ${share(10)} | ${mrrOf(ranks).toFixed(3)} |\n`;
}

/** The mean reciprocal rank. */
export function mrrOf(ranks: readonly number[]): number {
  return ranks.reduce((sum, rank) => sum + 1 / rank, 0) / ranks.length;
}

/** A line for each weight, and one in which each half of the queries has the weight that is best for the other. */
export function weightLines(
  name: string,
  ranksOf: ReadonlyMap<number, readonly number[]>,
  isFirstHalf: readonly boolean[],
): string {
  const all = Array.from(ranksOf, ([weight, ranks]) => ({ weight, ranks }));
  const bestIn = (isFirst: boolean) => {
    const mrr = (ranks: readonly number[]) => mrrOf(ranks.filter((_, i) => isFirstHalf[i] === isFirst));
    return all.reduce((best, one) => (mrr(one.ranks) > mrr(best.ranks) ? one : best));
  };
  const [first, second] = [bestIn(true), bestIn(false)];
  const ranks = isFirstHalf.map((isFirst, i) => (isFirst ? second : first).ranks[i] ?? Infinity);
  return [
    ...all.map((one) => line(`${name}, weight ${one.weight}`, one.ranks)),
    line(`**${name}, weights of the other half** (${first.weight}, ${second.weight})`, ranks),
  ].join('');
}
