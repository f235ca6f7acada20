import type { MachineState } from '../machine/state';

/** What the governor looks at of the machine's state. What could not be read is unknown or absent. */
export type Machine = Pick<
  MachineState,
  'powerSource' | 'chargeShare' | 'lowPower' | 'thermal' | 'cpuBusyByOthersShare'
>;

export const UNKNOWN_MACHINE: Machine = { powerSource: 'unknown', lowPower: 'unknown', thermal: 'unknown' };
