import type { Clock } from '../src/machine/clock';

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  private timeMs = 0;
  private readonly timers = new Set<{ readonly atMs: number; readonly run: () => void }>();

  readonly now = () => this.timeMs;

  /** The number of timers that are set. */
  get waiting(): number {
    return this.timers.size;
  }

  readonly after = (delayMs: number, run: () => void) => {
    const timer = { atMs: this.timeMs + delayMs, run };
    this.timers.add(timer);
    return () => {
      this.timers.delete(timer);
    };
  };

  /** Let time pass; timers run in their order, those too that are set meanwhile. */
  advance(ms: number): void {
    const untilMs = this.timeMs + ms;
    for (;;) {
      const [next] = [...this.timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
      if (!next) break;
      this.timers.delete(next);
      this.timeMs = next.atMs;
      next.run();
    }
    this.timeMs = untilMs;
  }
}
