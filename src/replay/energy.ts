import type { SensedState } from '../engine/sensors';

type Reading = Pick<SensedState, 'energyJoules' | 'dischargeWatts'>;

/** A battery's rate changes with what runs, and its controller tells of it every few seconds. */
const SAMPLE_EVERY_MS = 1000;

/**
 * The energy taken between two moments: the processor's packages where they count it, else what left the batteries, which
 * is the whole machine's. Others' work is in it too.
 */
export class EnergyMeter {
  private taken: number | undefined;
  private last: { readonly reading: Reading; readonly atMs: number } | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** @param now milliseconds of a real clock that never goes back */
  constructor(
    private readonly read: () => Reading,
    private readonly now: () => number,
  ) {}

  start(): void {
    this.taken = 0;
    this.last = undefined;
    this.sample();
    this.timer = setInterval(() => {
      this.sample();
    }, SAMPLE_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.sample();
  }

  /** From the start to the last sample; undefined where the machine does not tell, or did not all the time. */
  get joules(): number | undefined {
    return this.taken;
  }

  /** Add what was taken since the sample before. */
  sample(): void {
    const next = { reading: this.read(), atMs: this.now() };
    if (this.last && this.taken !== undefined) {
      const more = joulesBetween(this.last.reading, next.reading, (next.atMs - this.last.atMs) / 1000);
      this.taken = more === undefined ? undefined : this.taken + more;
    }
    this.last = next;
  }
}

function joulesBetween(from: Reading, to: Reading, seconds: number): number | undefined {
  // What two sensors count is not the same: a counter that comes or goes meanwhile leaves nothing to add.
  if (from.energyJoules !== undefined) {
    return to.energyJoules === undefined ? undefined : to.energyJoules - from.energyJoules;
  }
  if (to.energyJoules !== undefined) return undefined;
  const [before = 0, after = 0] = [from.dischargeWatts, to.dischargeWatts];
  // A battery that charges says nothing of what the machine takes.
  return before > 0 && after > 0 ? ((before + after) / 2) * seconds : undefined;
}
