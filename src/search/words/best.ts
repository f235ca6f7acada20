/** The best of many, without keeping all of them. */
export class Best<T extends { readonly score: number }> {
  private kept: T[] = [];
  private least = -Infinity;

  constructor(private readonly count: number) {}

  /** Whether one with this score could be among them. */
  takes(score: number): boolean {
    return score > this.least && this.count > 0;
  }

  add(one: T): void {
    this.kept.push(one);
    if (this.kept.length < 2 * this.count + 16) return;
    this.kept = this.sorted();
    this.least = this.kept.at(-1)?.score ?? -Infinity;
  }

  /** Best first; of equal ones the first that came. */
  sorted(): T[] {
    return this.kept.sort((a, b) => b.score - a.score).slice(0, this.count);
  }
}
