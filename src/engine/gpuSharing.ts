import type { GpuState, PowerSource } from '../machine/state';

/** Whether the GPU is yielded to other programs, and how long its readings have contradicted that. */
export interface GpuSharing {
  /** Why the GPU is yielded; undefined if it is used. */
  readonly reason: string | undefined;
  /** Readings in a row, about a second each, that call for the opposite. */
  readonly against: number;
}

export const GPU_IS_USED: GpuSharing = { reason: undefined, against: 0 };

/** Shares of its time and memory that others use: the GPU is yielded above the first and taken back below the second. */
const BUSY = { above: 0.5, below: 0.2 };
const FULL = { above: 0.9, below: 0.8 };

/** A single frame or a scrolling page is no reason to yield, and returning loads the model again. */
const YIELD_AFTER = 2;
const RETURN_AFTER = 15;

/** No sensor that is read tells a GPU's power, so nothing shows that it would cost less energy than the processor. */
const ON_BATTERY = 'the machine runs on battery, and how much power the GPU draws is unknown';

/**
 * Whether work goes to the processor because others need the GPU, or because of the battery, after one more reading of the
 * sensors. A value that cannot be read is no reason to yield.
 * @param gpu the GPU with the most memory, which is the one that is opened
 */
export function shareGpu(
  { reason, against }: GpuSharing,
  gpu: GpuState | undefined,
  powerSource: PowerSource,
): GpuSharing {
  if (powerSource === 'battery') return { reason: ON_BATTERY, against: 0 };
  const busy = gpu?.busyByOthersShare ?? 0;
  const full = gpu?.memoryBytes ? (gpu.memoryUsedByOthersBytes ?? 0) / gpu.memoryBytes : 0;
  if (reason === undefined) {
    if (busy <= BUSY.above && full <= FULL.above) return GPU_IS_USED;
    const taken = busy > BUSY.above ? `${percent(busy)} of its time` : `${percent(full)} of its memory`;
    const isEnough = against + 1 >= YIELD_AFTER;
    return isEnough
      ? { reason: `other programs use ${taken}`, against: 0 }
      : { reason: undefined, against: against + 1 };
  }
  if (busy >= BUSY.below || full >= FULL.below) return { reason, against: 0 };
  return against + 1 >= RETURN_AFTER ? GPU_IS_USED : { reason, against: against + 1 };
}

const percent = (share: number) => `${Math.round(100 * share)}%`;
