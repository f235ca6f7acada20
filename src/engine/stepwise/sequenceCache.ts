/** The tokens that a cache of keys and values holds, and the layers that their writers ran, as KvCache in native/. */
export class SequenceCache {
  private readonly tokens: number[] = [];
  /** [token] the submodel that wrote it. */
  private readonly writers: (readonly number[])[] = [];

  get length(): number {
    return this.tokens.length;
  }

  append(tokens: readonly number[], widths: readonly number[]): void {
    for (const token of tokens) {
      this.tokens.push(token);
      this.writers.push(widths);
    }
  }

  /** Keep the first `length` tokens, or all if there are fewer. */
  truncate(length: number): void {
    this.tokens.length = this.writers.length = Math.min(length, this.tokens.length);
  }

  /** The number of leading tokens of `wanted` that a submodel need not read again: it needs all layers that it runs. */
  reusable(wanted: readonly number[], widths: readonly number[]): number {
    const lacks = (writer: readonly number[]) => widths.some((width, layer) => width > 0 && writer[layer] === 0);
    const end = this.tokens.findIndex((token, i) => token !== wanted[i] || lacks(this.writers[i] ?? []));
    return end < 0 ? this.tokens.length : end;
  }
}
