import { type Cost, SIZES, type Size } from '../matlm/submodel';

/** Weight of a new observation: a busy machine shows within a few requests. */
const LEARNING_RATE = 0.3;

/** Prefills shorter than this say more about waking up than about tokens. */
const MIN_PREFILL_TOKENS = 16;

/** What each size costs on this machine now: measured when the engine starts, learned from every request since. */
export class CostModel {
  private readonly costs: Map<Size, Cost>;

  constructor(measured: Readonly<Record<string, Cost>>) {
    this.costs = new Map();
    for (const size of SIZES) {
      const cost = measured[size];
      if (cost) this.costs.set(size, cost);
    }
  }

  /**
   * One request's times. A size that was not used lately is as much slower as the one that was: the load of the
   * machine is shared.
   */
  observe(size: Size, prefilledTokens: number, prefillMs: number, decodedTokens: number, decodeMs: number): void {
    const before = this.costs.get(size);
    if (!before) return;
    const prefill =
      prefilledTokens >= MIN_PREFILL_TOKENS ? prefillMs / prefilledTokens / before.prefillMsPerToken : undefined;
    const decode = decodedTokens >= 2 ? decodeMs / (decodedTokens - 1) / before.decodeMsPerToken : undefined;
    for (const [other, cost] of this.costs) {
      this.costs.set(other, {
        prefillMsPerToken: cost.prefillMsPerToken * step(prefill),
        decodeMsPerToken: cost.decodeMsPerToken * step(decode),
      });
    }
  }

  /** Milliseconds to read `promptTokens` and write `newTokens`, or undefined where the size was never measured. */
  predictMs(size: Size, promptTokens: number, newTokens: number): number | undefined {
    const cost = this.costs.get(size);
    return cost && promptTokens * cost.prefillMsPerToken + newTokens * cost.decodeMsPerToken;
  }
}

function step(ratio: number | undefined): number {
  // One outlier, a sleep of the machine say, may not throw the estimate off by more than a factor of 4.
  return ratio === undefined ? 1 : 1 - LEARNING_RATE + LEARNING_RATE * Math.min(4, Math.max(0.25, ratio));
}
