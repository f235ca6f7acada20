export const MAX_RESTARTS = 3;
const WINDOW_MS = 5 * 60_000;

/** Limits the restarts of a process to three in five minutes, each after twice the pause of the one before. */
export class Restarts {
  private times: number[] = [];

  constructor(
    private readonly now: () => number,
    private readonly firstPauseMs: number,
  ) {}

  /** @returns the pause before the next restart in milliseconds, undefined if there were too many */
  next(): number | undefined {
    const now = this.now();
    this.times = this.times.filter((time) => now - time <= WINDOW_MS);
    if (this.times.length >= MAX_RESTARTS) return undefined;
    const pauseMs = this.firstPauseMs * 2 ** this.times.length;
    this.times.push(now);
    return pauseMs;
  }

  /** Restarts in the last five minutes. */
  recent(): number {
    const now = this.now();
    return this.times.filter((time) => now - time <= WINDOW_MS).length;
  }

  forget(): void {
    this.times = [];
  }
}
