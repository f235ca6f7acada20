interface Scheduled {
  readonly timeMs: number;
  readonly action: () => void;
}

/**
 * The time of the simulated editor. It stands still while JavaScript runs and while it is held, and otherwise jumps from
 * one event to the next. While a real engine works, it advances with the real time, multiplied by the slowdown.
 */
export class VirtualClock {
  private readonly events: Scheduled[] = [];
  private atMs = 0;
  private workers = 0;
  private holders = 0;
  private workingSinceMs = 0;
  private wake: () => void = () => undefined;

  /**
   * @param slowdown virtual milliseconds per real millisecond of the engine's work
   * @param realNow a real clock, milliseconds
   */
  constructor(
    private readonly slowdown = 1,
    private readonly realNow: () => number = () => performance.now(),
  ) {}

  readonly now = (): number =>
    this.workers === 0 ? this.atMs : this.atMs + (this.realNow() - this.workingSinceMs) * this.slowdown;

  /** Schedule an action. @returns a function that cancels it */
  at(timeMs: number, action: () => void): () => void {
    const event = { timeMs, action };
    const after = this.events.findIndex((other) => other.timeMs > timeMs);
    this.events.splice(after < 0 ? this.events.length : after, 0, event);
    this.wake();
    return () => {
      const index = this.events.indexOf(event);
      if (index >= 0) this.events.splice(index, 1);
    };
  }

  readonly wait = (delayMs: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const done = () => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.at(this.now() + delayMs, done);
      signal.addEventListener('abort', done);
    });

  /** Begin work that takes no virtual time. @returns a function that ends it */
  hold(): () => void {
    this.holders++;
    return () => {
      this.holders--;
      this.wake();
    };
  }

  /** Begin work of the engine. @returns a function that ends it */
  work(): () => void {
    if (this.workers++ === 0) this.workingSinceMs = this.realNow();
    return () => {
      this.atMs = this.now();
      this.workingSinceMs = this.realNow();
      this.workers--;
      this.wake();
    };
  }

  /**
   * Advance the time until a condition holds.
   * @throws {Error} if no event is left and the condition does not hold
   */
  async run(isDone: () => boolean): Promise<void> {
    for (;;) {
      await settled();
      if (isDone()) return;
      if (this.holders > 0) {
        await this.realPause(Infinity);
        continue;
      }
      const [next] = this.events;
      if (this.workers > 0) {
        const dueMs = next ? (next.timeMs - this.now()) / this.slowdown : Infinity;
        if (dueMs > 0) {
          await this.realPause(dueMs);
          continue;
        }
      }
      if (!next) throw new Error('the replay has stalled: no event is left');
      if (this.workers === 0) this.atMs = Math.max(this.atMs, next.timeMs);
      this.events.shift();
      next.action();
    }
  }

  /** Resolves when the engine's work ends, a new action is scheduled, or a real time has passed. */
  private realPause(pauseMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = Number.isFinite(pauseMs) ? setTimeout(done, pauseMs) : undefined;
      const immediate = this.wake;
      function done() {
        clearTimeout(timer);
        resolve();
      }
      this.wake = () => {
        this.wake = immediate;
        done();
      };
    });
  }
}

/** Resolves once all pending promise callbacks have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
