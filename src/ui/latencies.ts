/** Latencies of the last completions, in milliseconds. */
export class Latencies {
  private readonly values: number[] = [];

  constructor(private readonly capacity = 200) {}

  add(latencyMs: number): void {
    this.values.push(latencyMs);
    if (this.values.length > this.capacity) this.values.shift();
  }

  get count(): number {
    return this.values.length;
  }

  /** The value that `share` (0 to 1) of them do not exceed, or undefined where there is none yet. */
  percentile(share: number): number | undefined {
    const sorted = this.values.toSorted((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  }
}
