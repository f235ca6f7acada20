import { WINDOW_MS } from '../governor/dutyCycle';

/**
 * The times at which requests were declined in a row, by document. A request that was declined longer ago than the window of
 * the duty cycle does not count, because the governor may decide otherwise by now.
 */
export class RecentDeclines {
  /** Oldest first. */
  private readonly timesMs = new Map<string, readonly number[]>();

  add(document: string, timeMs: number): void {
    this.timesMs.set(document, [...this.within(document, timeMs), timeMs]);
  }

  /** The governor decided otherwise in a document. */
  end(document: string): void {
    this.timesMs.delete(document);
  }

  clear(): void {
    this.timesMs.clear();
  }

  count(document: string, nowMs: number): number {
    return this.within(document, nowMs).length;
  }

  /** The next time at which a document that now has so many will have fewer; undefined if there is no such document. */
  fallsBelowAtMs(count: number, nowMs: number): number | undefined {
    const endsMs = [...this.timesMs.keys()].flatMap((document) => {
      const timeMs = this.within(document, nowMs).at(-count);
      return timeMs === undefined ? [] : [timeMs + WINDOW_MS];
    });
    return endsMs.length === 0 ? undefined : Math.min(...endsMs);
  }

  private within(document: string, nowMs: number): readonly number[] {
    return (this.timesMs.get(document) ?? []).filter((timeMs) => timeMs + WINDOW_MS > nowMs);
  }
}
