import type { Clock } from '../machine/clock';

/** Notices silence while an answer is due. Only what is heard restarts its time: sending proves nothing. */
export class Watchdog {
  private cancel: (() => void) | undefined;

  constructor(
    private readonly clock: Pick<Clock, 'after'>,
    private readonly onSilence: (limitMs: number) => void,
  ) {}

  /** An answer is due within a time. If one was due before, its time goes on. */
  expect(limitMs: number): void {
    this.cancel ??= this.clock.after(limitMs, () => {
      this.cancel = undefined;
      this.onSilence(limitMs);
    });
  }

  /** Something was heard, and the next is due within a time. */
  heard(limitMs: number): void {
    this.rest();
    this.expect(limitMs);
  }

  /** No answer is due. */
  rest(): void {
    this.cancel?.();
    this.cancel = undefined;
  }
}
