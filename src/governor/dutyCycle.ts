import { isBusy, isHot, type Machine } from './machine';

/** A user feels what the engine takes over some time, not what one request costs. */
export const WINDOW_MS = 30_000;

/** What the engine may take of a core, as a share of the time, and the state of the machine that says so. */
export interface Allowance {
  readonly share: number;
  /** For a person to read; empty on a quiet machine on mains. */
  readonly because: string;
}

const ON_MAINS: Allowance = { share: 0.25, because: '' };
const ON_BATTERY: Allowance = { share: 0.1, because: 'on battery' };
const SAVING_POWER: Allowance = { share: 0.1, because: 'saving power' };
const ON_LOW_BATTERY: Allowance = { share: 0.05, because: 'low battery' };
const HOT: Allowance = { share: 0.05, because: 'hot' };
const BUSY: Allowance = { share: 0.05, because: 'busy processor' };
const BUSY_GPU: Allowance = { share: 0.05, because: 'busy GPU' };

/** Below this share of the charge a battery is low. */
const LOW_CHARGE = 0.2;

/** The smallest allowance that the machine's state gives. */
export function allowanceOf(machine: Machine): Allowance {
  return restrictionsOf(machine).reduce(
    (least, allowance) => (allowance.share < least.share ? allowance : least),
    ON_MAINS,
  );
}

/** Everything in the machine's state that leaves the engine less than on a quiet machine on mains. */
export function restrictionsOf(machine: Machine): readonly Allowance[] {
  const { powerSource, chargeShare = 1, lowPower } = machine;
  return [
    powerSource === 'battery' && (chargeShare < LOW_CHARGE ? ON_LOW_BATTERY : ON_BATTERY),
    lowPower === true && SAVING_POWER,
    isHot(machine) && HOT,
    isBusy(machine) && (isBusy({ ...machine, runsOnGpu: false }) ? BUSY : BUSY_GPU),
  ].filter((allowance) => allowance !== false);
}

interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The engine's work in the last WINDOW_MS: all of it, whoever asked for it and whatever became of it. The time counts in
 * which the engine works, not its threads: several threads finish the same work earlier.
 */
export class DutyCycle {
  private intervals: Interval[] = [];

  /** The engine worked from one moment to another, both of a clock that never goes back. */
  worked(fromMs: number, toMs: number): void {
    if (toMs <= fromMs) return;
    this.intervals = this.intervals.filter((interval) => interval.toMs > toMs - WINDOW_MS);
    this.intervals.push({ fromMs, toMs });
  }

  /** The share of the window that ends now in which the engine worked, 0 to 1. */
  share(nowMs: number): number {
    const sinceMs = nowMs - WINDOW_MS;
    const workedMs = this.intervals.reduce(
      (sum, { fromMs, toMs }) => sum + Math.max(0, Math.min(nowMs, toMs) - Math.max(sinceMs, fromMs)),
      0,
    );
    return Math.min(1, workedMs / WINDOW_MS);
  }
}
