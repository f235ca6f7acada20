export type PowerSource = 'mains' | 'battery' | 'unknown';

/**
 * How hot the machine is, in Apple's four steps: as usual; fans are to be heard; the processor is being slowed down;
 * it is about to be stopped.
 */
export type ThermalState = 'nominal' | 'fair' | 'serious' | 'critical' | 'unknown';

/** The GPU with the most memory of its own. */
export interface GpuState {
  readonly name: string;
  /** Share of the time in which others' work kept it busy, 0 to 1. */
  readonly busyByOthersShare?: number;
  readonly memoryUsedByOthersBytes?: number;
  readonly memoryBytes?: number;
}

/**
 * What the machine is doing beside our own work: filled by the sensors in the engine's process, read by the governor.
 * What cannot be read is unknown or absent, never a guess.
 */
export interface MachineState {
  readonly powerSource: PowerSource;
  /** Of all batteries together, 0 to 1. */
  readonly chargeShare?: number;
  /** What leaves the batteries; negative while they charge. */
  readonly dischargeWatts?: number;
  /** The user, or the system for them, asked for less power. */
  readonly lowPower: boolean | 'unknown';
  readonly thermal: ThermalState;
  /**
   * Share of the processor time we may have that others took since the reading before, 0 to 1. Our engine's own is
   * not counted.
   */
  readonly cpuBusyByOthersShare?: number;
  /** Share of the time in which some task, ours or not, waited for a core, 0 to 1. */
  readonly cpuPressureShare?: number;
  readonly gpu?: GpuState;
  /** Taken by the processor's packages since the sensors were opened: the difference of two readings counts. */
  readonly energyJoules?: number;
  /** When the reading arrived, on the receiver's own monotonic clock. */
  readonly readAtMs: number;
}
