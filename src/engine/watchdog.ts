import type { Clock } from '../machine/clock';

/** Detects silence while an answer is due. Only received messages restart its timer; sent ones do not. */
export class Watchdog {
  private cancel: (() => void) | undefined;

  constructor(
    private readonly clock: Pick<Clock, 'after'>,
    private readonly onSilence: (limitMs: number) => void,
  ) {}

  /** An answer is due within a time. If one was due before, its timer keeps running. */
  expect(limitMs: number): void {
    this.cancel ??= this.clock.after(limitMs, () => {
      this.cancel = undefined;
      this.onSilence(limitMs);
    });
  }

  /** A message has arrived, and the next is due within a time. */
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
