import type { ElasticOptions } from './types';

/** The time that a piece of work may take, of which each step has a part. */
export class TimeBox {
  private readonly startMs: number;
  readonly now: () => number;
  readonly signal: AbortSignal | undefined;
  private readonly onProgress: (share: number) => void;

  constructor(
    readonly budgetMs: number,
    { signal, onProgress = () => undefined, now = () => performance.now() }: ElasticOptions,
  ) {
    [this.now, this.signal, this.onProgress] = [now, signal, onProgress];
    this.startMs = now();
  }

  /** The share of the time that is gone. */
  get spent(): number {
    return (this.now() - this.startMs) / this.budgetMs;
  }

  /**
   * Called after each measurement of a step that ends at a share of the time.
   * @throws the signal's reason if it is aborted
   */
  report(until: number): void {
    this.signal?.throwIfAborted();
    this.onProgress(Math.min(until, this.spent));
  }

  done(): void {
    this.onProgress(1);
  }
}
