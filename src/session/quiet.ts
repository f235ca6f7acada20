import { isStrained, type Machine } from '../governor/machine';

/** The editor has finished its own start by then. */
const AFTER_START_MS = 20_000;
/** If no key came for this long, the user reads or is away. */
const AFTER_KEY_MS = 10_000;

/** Tells whether the machine has time for work that nobody waits for. */
export class Quiet {
  private lastKeyMs = -Infinity;
  private pending = 0;

  /** @param startMs time of the start; all times are of one monotonic clock */
  constructor(private readonly startMs: number) {}

  key(timeMs: number): void {
    this.lastKeyMs = timeMs;
  }

  /** A completion is in progress until the promise settles. */
  busyWhile(answer: Promise<unknown>): void {
    this.pending++;
    const end = () => {
      this.pending--;
    };
    answer.then(end, end);
  }

  isQuiet(nowMs: number, machine: Machine): boolean {
    return (
      nowMs - this.startMs >= AFTER_START_MS &&
      nowMs - this.lastKeyMs >= AFTER_KEY_MS &&
      this.pending === 0 &&
      !isStrained(machine)
    );
  }
}
