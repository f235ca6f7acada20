/** Entries by rank. Ranks are small whole numbers. */
export class RankQueue<Entry> {
  private readonly ranks = new Map<Entry, number>();
  private buckets: (Set<Entry> | undefined)[] = [];

  constructor(private rankOf: (entry: Entry) => number) {}

  get size(): number {
    return this.ranks.size;
  }

  has(entry: Entry): boolean {
    return this.ranks.has(entry);
  }

  /** An entry of the lowest rank, the first that was added; undefined if there is none. */
  get first(): Entry | undefined {
    return first(this.buckets.find((bucket) => bucket !== undefined && bucket.size > 0));
  }

  /** An entry of the highest rank; undefined if there is none. */
  get last(): Entry | undefined {
    return first(this.buckets.findLast((bucket) => bucket !== undefined && bucket.size > 0));
  }

  add(entry: Entry): void {
    if (this.ranks.has(entry)) return;
    const rank = this.rankOf(entry);
    this.ranks.set(entry, rank);
    (this.buckets[rank] ??= new Set()).add(entry);
  }

  delete(entry: Entry): void {
    const rank = this.ranks.get(entry);
    if (rank === undefined) return;
    this.ranks.delete(entry);
    this.buckets[rank]?.delete(entry);
  }

  clear(): void {
    this.ranks.clear();
    this.buckets = [];
  }

  /** Order by other ranks from now on. */
  rankBy(rankOf: (entry: Entry) => number): void {
    const entries = [...this.ranks.keys()];
    this.clear();
    this.rankOf = rankOf;
    for (const entry of entries) this.add(entry);
  }
}

function first<Entry>(bucket: ReadonlySet<Entry> | undefined): Entry | undefined {
  return bucket?.values().next().value;
}
