import type { Clock } from '../../machine/clock';

/** The waits of work in the background. */
export class Rest {
  private end: () => void = () => undefined;
  private isPause = false;

  constructor(private readonly clock: Pick<Clock, 'after'>) {}

  /** Until there is something to do, or for so long. */
  sleep(ms: number): Promise<void> {
    return this.wait(ms, false);
  }

  /** Between two pieces of work. Only what is urgent ends it. */
  pause(ms: number): Promise<void> {
    return this.wait(ms, true);
  }

  /** There is something to do. */
  wake(isUrgent = false): void {
    if (isUrgent || !this.isPause) this.end();
  }

  private async wait(ms: number, isPause: boolean): Promise<void> {
    this.isPause = isPause;
    await new Promise<void>((resolve) => {
      const end = () => {
        cancel();
        // Work that began anew may be in a wait of its own by then.
        if (this.end === end) this.end = () => undefined;
        resolve();
      };
      const cancel = ms < Infinity ? this.clock.after(Math.max(0, ms), end) : () => undefined;
      this.end = end;
    });
  }
}
