import type { MachineState } from '../machine/state';

/** What the governor looks at of the machine's state. What could not be read is unknown or absent. */
export interface Machine extends Pick<
  MachineState,
  'powerSource' | 'chargeShare' | 'lowPower' | 'thermal' | 'cpuBusyByOthersShare' | 'gpu'
> {
  /** The model runs on the GPU, so that others' work there is in its way; not where absent. */
  readonly runsOnGpu?: boolean;
}

export const UNKNOWN_MACHINE: Machine = { powerSource: 'unknown', lowPower: 'unknown', thermal: 'unknown' };

/** With more than this taken by others, what the engine runs on is busy. */
const BUSY_SHARE = 0.5;

type Load = Pick<Machine, 'cpuBusyByOthersShare' | 'gpu' | 'runsOnGpu'>;

/** Share of what the engine runs on that others take: of the processor, and of the GPU where it works there. */
export function takenByOthers({ cpuBusyByOthersShare = 0, gpu, runsOnGpu = false }: Load): number {
  return Math.max(cpuBusyByOthersShare, runsOnGpu ? (gpu?.busyByOthersShare ?? 0) : 0);
}

export function isBusy(load: Load): boolean {
  return takenByOthers(load) > BUSY_SHARE;
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
