import type { MachineState } from '../machine/state';

/** The part of the machine's state that the governor uses. Values without a reading are unknown or absent. */
export interface Machine extends Pick<
  MachineState,
  'powerSource' | 'chargeShare' | 'lowPower' | 'thermal' | 'cpuBusyByOthersShare' | 'gpu'
> {
  /** Whether the model runs on the GPU, so that other work there slows it down. */
  readonly runsOnGpu?: boolean;
}

export const UNKNOWN_MACHINE: Machine = { powerSource: 'unknown', lowPower: 'unknown', thermal: 'unknown' };

/** A processor or GPU is busy if other programs take more than this share. */
const BUSY_SHARE = 0.5;

type Load = Pick<Machine, 'cpuBusyByOthersShare' | 'gpu' | 'runsOnGpu'>;

/** The share that other programs take of the processor, or of the GPU if the engine runs there and the share is larger. */
export function takenByOthers({ cpuBusyByOthersShare = 0, gpu, runsOnGpu = false }: Load): number {
  return Math.max(cpuBusyByOthersShare, runsOnGpu ? (gpu?.busyByOthersShare ?? 0) : 0);
}

export function isBusy(load: Load): boolean {
  return takenByOthers(load) > BUSY_SHARE;
}

/** On battery, hot, or busy with other programs, so work that nobody waits for should wait too. */
export function isStrained(machine: Machine): boolean {
  return machine.powerSource === 'battery' || machine.lowPower === true || isHot(machine) || isBusy(machine);
}

/** On mains and neither hot nor busy, so work that may be wasted is acceptable. */
export function hasTimeToSpare(machine: Machine): boolean {
  const { powerSource, lowPower } = machine;
  return powerSource === 'mains' && lowPower !== true && !isHot(machine) && !isBusy(machine);
}

/** The processor is throttled, or is close to its critical temperature. */
export function isHot({ thermal }: Pick<Machine, 'thermal'>): boolean {
  return thermal === 'serious' || thermal === 'critical';
}
