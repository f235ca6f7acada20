import type { SensedState } from '../engine/sensors';

type EnergyReading = Pick<SensedState, 'energyJoules' | 'dischargeWatts'>;

/** Often enough, because the controller of a battery updates its rate every few seconds. */
const SAMPLE_EVERY_MS = 1000;

/**
 * The energy used between two times: that of the processor's packages if they count it, or else that of the whole machine
 * from its batteries. It includes other work on the machine.
 */
export class EnergyMeter {
  private taken: number | undefined;
  private last: { readonly reading: EnergyReading; readonly atMs: number } | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** @param now milliseconds of a real clock that never goes back */
  constructor(
    private readonly read: () => EnergyReading,
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

  /** From the start to the last sample; undefined if a reading was missing at any time. */
  get joules(): number | undefined {
    return this.taken;
  }

  /** Add the energy since the last sample. */
  sample(): void {
    const next = { reading: this.read(), atMs: this.now() };
    if (this.last && this.taken !== undefined) {
      const more = joulesBetween(this.last.reading, next.reading, (next.atMs - this.last.atMs) / 1000);
      this.taken = more === undefined ? undefined : this.taken + more;
    }
    this.last = next;
  }
}

function joulesBetween(from: EnergyReading, to: EnergyReading, seconds: number): number | undefined {
  // The two sensors measure different things, so a counter that appears or disappears makes the sum unknown.
  if (from.energyJoules !== undefined) {
    return to.energyJoules === undefined ? undefined : to.energyJoules - from.energyJoules;
  }
  if (to.energyJoules !== undefined) return undefined;
  const [before = 0, after = 0] = [from.dischargeWatts, to.dischargeWatts];
  // The rate of a charging battery does not show the machine's power.
  return before > 0 && after > 0 ? ((before + after) / 2) * seconds : undefined;
}
