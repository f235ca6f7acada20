import type { EngineState } from '../../engine/client';

/** Counts the restarts of the engine's process after a fault. */
export class RestartCounts {
  private count = 0;
  private lastReason: string | undefined;

  saw(state: EngineState): void {
    if (state.kind !== 'restarting') return;
    this.count++;
    this.lastReason = state.reason;
  }

  get all(): { readonly count: number; readonly lastReason: string | undefined } {
    return { count: this.count, lastReason: this.lastReason };
  }
}
