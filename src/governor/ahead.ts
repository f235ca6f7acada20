import { isBusy, isHot, type Machine } from './machine';

/**
 * Whether to decode what follows the suggestion on the screen before it is accepted: most are not, so only where power
 * comes from the mains and the processor has nothing better to do.
 */
export function looksAhead(machine: Machine): boolean {
  const { powerSource, lowPower } = machine;
  return powerSource === 'mains' && lowPower !== true && !isHot(machine) && !isBusy(machine);
}
