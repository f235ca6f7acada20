import type { MachineState } from '../machine/state';

/** What the governor looks at of the machine's state. What could not be read is unknown or absent. */
export type Machine = Pick<
  MachineState,
  'powerSource' | 'chargeShare' | 'lowPower' | 'thermal' | 'cpuBusyByOthersShare'
>;

export const UNKNOWN_MACHINE: Machine = { powerSource: 'unknown', lowPower: 'unknown', thermal: 'unknown' };

/** With more than this taken by others, the processor is busy. */
const BUSY_SHARE = 0.5;

export function isBusy({ cpuBusyByOthersShare }: Pick<Machine, 'cpuBusyByOthersShare'>): boolean {
  return (cpuBusyByOthersShare ?? 0) > BUSY_SHARE;
}

/** Power comes from the mains and the processor has nothing better to do: work that may turn out vain harms nobody. */
export function hasTimeToSpare(machine: Machine): boolean {
  const { powerSource, lowPower } = machine;
  return powerSource === 'mains' && lowPower !== true && !isHot(machine) && !isBusy(machine);
}

/** The processor is being slowed down, or about to be stopped. */
export function isHot({ thermal }: Pick<Machine, 'thermal'>): boolean {
  return thermal === 'serious' || thermal === 'critical';
}
