import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Folder } from '../../workspace/filePolicy';
import { GIT_IGNORE_FILE, OWN_IGNORE_FILE } from '../../workspace/filePolicy';

export interface DiskEvents {
  /** A file has another state than when it was read. */
  readonly onFile: (path: string) => void;
  readonly onGone: (path: string) => void;
  /** A file of ignore rules has come, changed or gone. */
  readonly onRules: () => void;
}

/** Between two comparisons. Rules are compared each time. */
const PERIOD_MS = 5000;
/** Files that are compared each time, those that were read last first. */
const MAX_COMPARED = 500;

/**
 * Notices that files on the disk have changed, by comparing their states while the user works. Watching whole trees would cost a
 * handle for each folder, also for those of `node_modules`.
 */
export class ChangesOnDisk {
  /** By path, the states when they were read; the last read at the end. */
  private readonly files = new Map<string, string>();
  private readonly rules = new Map<string, string>();
  private lookedMs = -Infinity;
  private comparing: Promise<void> | undefined;
  private isDisposed = false;

  constructor(
    private readonly events: DiskEvents,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** The same folder, of which each file that is read is noticed. */
  watching(folder: Folder): Folder {
    return {
      ...folder,
      read: async (path, maxBytes) => {
        const isRule = [OWN_IGNORE_FILE, GIT_IGNORE_FILE].includes(basename(path));
        const known = isRule ? this.rules : this.files;
        const state = await stateOf(path);
        known.delete(path);
        if (state !== MISSING || isRule) known.set(path, state);
        return folder.read(path, maxBytes);
      },
    };
  }

  /** The user works: compare, unless that was done a moment ago. */
  look(): void {
    if (this.now() - this.lookedMs < PERIOD_MS) return;
    this.lookedMs = this.now();
    this.comparing ??= this.compare().finally(() => {
      this.comparing = undefined;
    });
  }

  /** Compare now. */
  async compare(): Promise<void> {
    for (const [path, state] of [...this.rules]) {
      const now = await stateOf(path);
      if (this.isDisposed) return;
      if (now === state) continue;
      this.rules.clear();
      this.events.onRules();
      break;
    }
    for (const [path, state] of [...this.files].slice(-MAX_COMPARED)) {
      const now = await stateOf(path);
      if (this.isDisposed) return;
      if (now === state || this.files.get(path) !== state) continue;
      this.files.delete(path);
      if (now === MISSING) this.events.onGone(path);
      else this.events.onFile(path);
    }
  }

  dispose(): void {
    this.isDisposed = true;
  }
}

const MISSING = '';

async function stateOf(path: string): Promise<string> {
  const entry = await stat(path).catch(() => undefined);
  return entry ? `${entry.mtimeMs} ${entry.size}` : MISSING;
}
