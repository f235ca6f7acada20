/** The search process: one for each window, which ends with it. */
import { availableParallelism, constants, setPriority } from 'node:os';
import { SYSTEM_CLOCK } from '../machine/clock';
import { openSearch } from './openSearch';
import type { FromSearch, ToSearch } from './protocol';
import { SearchHost } from './searchHost';

try {
  // Not the lowest: on a busy machine, a query of the user would wait for a second.
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
} catch {
  // Some containers do not allow it.
}

const host = new SearchHost({
  openSearch,
  send: (message: FromSearch) => {
    if (process.connected) process.send?.(message, () => undefined);
  },
  clock: SYSTEM_CLOCK,
  cpuMs: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  cores: availableParallelism(),
});
process.on('message', (message: ToSearch) => {
  host.receive(message);
});
process.on('disconnect', () => {
  void host.dispose().finally(() => process.exit(0));
});
