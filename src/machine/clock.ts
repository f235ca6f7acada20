/** Time and timers. They are passed in, so that a test decides when time passes. */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  readonly now: () => number;
  /**
   * Calls `run` once after a delay. A timer does not keep the process alive.
   * @returns cancels it
   */
  readonly after: (delayMs: number, run: () => void) => () => void;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};
