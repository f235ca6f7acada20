import { setTimeout } from 'node:timers/promises';
import { SYSTEM_CLOCK } from '../machine/clock';
import type { SessionClock } from './parts';

/** The machine's own time. */
export const systemClock: SessionClock = {
  now: SYSTEM_CLOCK.now,
  wait: async (delayMs, signal) => {
    await setTimeout(delayMs, undefined, { signal }).catch(() => undefined);
  },
};
