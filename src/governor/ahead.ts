import type { Machine } from './machine';

/** With more than this taken by others, what nobody asked for yet would be in their way. */
const MAX_BUSY_SHARE = 0.5;

/**
 * Whether to decode what follows the suggestion on the screen before it is accepted: most are not, so only where power
 * comes from the mains and the processor has nothing better to do.
 */
export function looksAhead({ powerSource, lowPower, thermal, cpuBusyByOthersShare }: Machine): boolean {
  return (
    powerSource === 'mains' &&
    lowPower !== true &&
    thermal !== 'serious' &&
    thermal !== 'critical' &&
    (cpuBusyByOthersShare ?? 0) <= MAX_BUSY_SHARE
  );
}
