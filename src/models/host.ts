/** The import's process: one task for its parent, at the lowest priority that leaves the editor quick. */
import { constants, setPriority } from 'node:os';
import { serveTask } from './serveTask';
import { TASKS } from './tasks';

try {
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
} catch {
  // Not every system lets a process choose.
}
serveTask(TASKS);
