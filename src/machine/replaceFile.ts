import { rename } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** On Windows a file or folder cannot be moved or replaced while another program, such as an engine that loads it, reads it. */
const TRIES = 20;
const GAP_MS = 250;
const HELD = ['EBUSY', 'EPERM', 'EACCES'];

/**
 * Rename a file or folder, and wait up to five seconds for programs that hold it.
 * @throws the last refusal of the system
 */
export async function renameOnceFree(
  from: string,
  to: string,
  move: typeof rename = rename,
  gapMs = GAP_MS,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await move(from, to);
      return;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (tries >= TRIES || !HELD.includes(code)) throw error;
      await sleep(gapMs);
    }
  }
}
