import type { GpuState } from '../machine/state';

/** Whether the card is left to others, and how long its readings have spoken against that. */
export interface GpuSharing {
  /** Why the card is left to others; undefined where it is used. */
  readonly reason: string | undefined;
  /** Readings in a row, about a second each, that speak for the other decision. */
  readonly against: number;
}

export const GPU_IS_USED: GpuSharing = { reason: undefined, against: 0 };

/** Others' share of its time or of its memory above which the card is left, and below which it is taken up again. */
const BUSY = { above: 0.5, below: 0.2 };
const FULL = { above: 0.9, below: 0.8 };

/** A single frame or a page that scrolls is no reason; and to come back costs opening the model anew. */
const LEAVE_AFTER = 2;
const RETURN_AFTER = 15;

/**
 * Whether work goes to the processor because others need the card, with the next reading of the sensors. What they
 * cannot read is no reason to leave.
 * @param gpu the card with the most memory, which is the one that providers take
 */
export function shareGpu({ reason, against }: GpuSharing, gpu: GpuState | undefined): GpuSharing {
  const busy = gpu?.busyByOthersShare ?? 0;
  const full = gpu?.memoryBytes ? (gpu.memoryUsedByOthersBytes ?? 0) / gpu.memoryBytes : 0;
  if (reason === undefined) {
    if (busy <= BUSY.above && full <= FULL.above) return GPU_IS_USED;
    const taken = busy > BUSY.above ? `${percent(busy)} of its time` : `${percent(full)} of its memory`;
    const isEnough = against + 1 >= LEAVE_AFTER;
    return isEnough ? { reason: `others take ${taken}`, against: 0 } : { reason, against: against + 1 };
  }
  if (busy >= BUSY.below || full >= FULL.below) return { reason, against: 0 };
  return against + 1 >= RETURN_AFTER ? GPU_IS_USED : { reason, against: against + 1 };
}

const percent = (share: number) => `${Math.round(100 * share)}%`;
