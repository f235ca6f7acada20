import { isBusy, isHot, type Machine } from '../governor/machine';

/** The reasons why the governor saves work on this machine now, strongest first; empty if there are none. */
export function strainOf(machine: Machine): Strain[] {
  const strains: readonly (Strain | false)[] = [
    isHot(machine) && { short: 'hot', long: 'the machine is hot' },
    isBusy({ ...machine, runsOnGpu: false }) && { short: 'busy', long: 'other programs use the processor' },
    isBusy(machine) &&
      !isBusy({ ...machine, runsOnGpu: false }) && { short: 'busy', long: 'other programs use the GPU' },
    machine.powerSource === 'battery' && { short: 'power', long: 'the machine runs on battery' },
    machine.lowPower === true && { short: 'power', long: 'the low-power mode is on' },
  ];
  return strains.filter((strain) => strain !== false);
}

export interface Strain {
  /** One word. */
  readonly short: string;
  /** A clause. */
  readonly long: string;
}
