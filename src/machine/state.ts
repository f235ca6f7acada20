export type PowerSource = 'mains' | 'battery' | 'unknown';

/**
 * Thermal state in Apple's four steps: normal; fans are audible; the processor is slowed down; the temperature is critical
 * (`ProcessInfo.ThermalState`).
 */
export type ThermalState = 'nominal' | 'fair' | 'serious' | 'critical' | 'unknown';

/** The GPU with the most memory of its own. */
export interface GpuState {
  readonly name: string;
  /** Share of the time in which other programs kept it busy, 0 to 1. */
  readonly busyByOthersShare?: number;
  readonly memoryUsedByOthersBytes?: number;
  readonly memoryBytes?: number;
}

/**
 * The state of the machine apart from our own work: written by the sensors in the engine's process, read by the governor.
 * A value that cannot be read is unknown or absent, never a guess.
 */
export interface MachineState {
  readonly powerSource: PowerSource;
  /** Charge of all batteries together, 0 to 1. */
  readonly chargeShare?: number;
  /** Power drawn from the batteries; negative while they charge. */
  readonly dischargeWatts?: number;
  /** The user or the system has asked for less power. */
  readonly lowPower: boolean | 'unknown';
  readonly thermal: ThermalState;
  /**
   * Share of the processor time available to us that other programs used since the previous reading, 0 to 1. Our engine's
   * own use is not counted.
   */
  readonly cpuBusyByOthersShare?: number;
  /** Share of the time in which some task, ours included, waited for a core, 0 to 1. */
  readonly cpuPressureShare?: number;
  readonly gpu?: GpuState;
  /** Energy of the processor's packages since the sensors were opened: only differences of readings mean anything. */
  readonly energyJoules?: number;
  /** When the reading arrived, on the receiver's own monotonic clock. */
  readonly readAtMs: number;
}
