import { setTimeout } from 'node:timers/promises';
import type { SessionClock } from './session';

/** The machine's own time. */
export const systemClock: SessionClock = {
  now: () => performance.now(),
  wait: async (delayMs, signal) => {
    await setTimeout(delayMs, undefined, { signal }).catch(() => undefined);
  },
};
