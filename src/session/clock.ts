import { setTimeout } from 'node:timers/promises';
import type { Clock } from './session';

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wait: async (delayMs, signal) => {
    await setTimeout(delayMs, undefined, { signal }).catch(() => undefined);
  },
};
