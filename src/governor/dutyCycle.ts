import { type Phrase, phrase } from '../localisation/phrase';
import { isBusy, isHot, type Machine } from './machine';

/** Long enough for many requests, because a user notices the load over some time, not that of one request. */
export const WINDOW_MS = 30_000;

/** The share of a core that the engine may use, and the reason in the machine's state. */
export interface Allowance {
  readonly share: number;
  /** For people; undefined on a quiet machine on mains. */
  readonly because: Phrase | undefined;
}

const ON_MAINS: Allowance = { share: 0.25, because: undefined };
const ON_BATTERY: Allowance = { share: 0.1, because: phrase('on battery') };
const SAVING_POWER: Allowance = { share: 0.1, because: phrase('saving power') };
const ON_LOW_BATTERY: Allowance = { share: 0.05, because: phrase('low battery') };
const HOT: Allowance = { share: 0.05, because: phrase('hot') };
const BUSY: Allowance = { share: 0.05, because: phrase('busy processor') };
const BUSY_GPU: Allowance = { share: 0.05, because: phrase('busy GPU') };

/** A battery is low below this share of its charge. */
const LOW_CHARGE = 0.2;

/** The smallest of the allowances that apply to the machine's state. */
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

interface WorkInterval {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The engine's work in the last WINDOW_MS, whatever it was for. The engine's time counts, not that of its threads, because
 * several threads finish the same work earlier.
 */
export class DutyCycle {
  private intervals: WorkInterval[] = [];

  /** The engine worked from one time to another, both of a clock that never goes back. */
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
