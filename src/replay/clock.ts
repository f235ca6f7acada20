interface Event {
  readonly timeMs: number;
  readonly action: () => void;
}

/**
 * Time as the simulated editor has it. It stands still while JavaScript runs and while it is held, and jumps from one
 * event to the next otherwise. While an engine works by a real clock, it passes as real time does, so many times as fast.
 */
export class VirtualClock {
  private readonly events: Event[] = [];
  private atMs = 0;
  private workers = 0;
  private holders = 0;
  private workingSinceMs = 0;
  private wake: () => void = () => undefined;

  /**
   * @param slowdown virtual milliseconds in a real one of the engine's work
   * @param realNow a real clock, milliseconds
   */
  constructor(
    private readonly slowdown = 1,
    private readonly realNow: () => number = () => performance.now(),
  ) {}

  readonly now = (): number =>
    this.workers === 0 ? this.atMs : this.atMs + (this.realNow() - this.workingSinceMs) * this.slowdown;

  /** Do something at a time; the function that is returned takes it back. */
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

  /** Something works for which no time passes; call what is returned when it has done. */
  hold(): () => void {
    this.holders++;
    return () => {
      this.holders--;
      this.wake();
    };
  }

  /** The engine begins to work; call what is returned when it has done. */
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
   * Let time pass until something has come about.
   * @throws {Error} where nothing more is going to happen
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
      if (!next) throw new Error('the replay has come to a standstill');
      if (this.workers === 0) this.atMs = Math.max(this.atMs, next.timeMs);
      this.events.shift();
      next.action();
    }
  }

  /** Until the engine has done, something new is planned, or a real time has passed. */
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

/** When every promise that could go on has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
