import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { pidNamespace } from './pidNamespace';

/** Where a process id names the same process: hosts and containers that share a folder have the same ids. */
const HERE = `${hostname()} ${pidNamespace()}`;
const THIS_PROCESS = `${process.pid} ${HERE}`;

/** No probe takes this long, because each of its few processes has half a minute. */
const EXPIRES_MS = 20 * 60_000;
/** A lock without a process id is one that is being written, or could not be. */
const EMPTY_EXPIRES_MS = 5_000;

/** What a lock file held, and when it was written. */
interface LockContent {
  readonly text: string;
  readonly writtenMs: number;
}

/**
 * A file that one process at a time holds, with its id, its host and its namespace. A lock that its process left behind is
 * ignored: at once on the same machine, and once it expires on another, because nobody there can tell whether it runs. Whoever
 * works for longer renews it.
 */
export class LockFile {
  constructor(
    private readonly file: string,
    /** Milliseconds since the epoch, as in the file system's times. */
    private readonly epochNow: () => number = Date.now,
    /** How long a running process may hold it. */
    private readonly expiresMs = EXPIRES_MS,
  ) {}

  /** @returns whether this process holds it now. @throws if it cannot be written; nothing is left behind then */
  take(): boolean {
    mkdirSync(dirname(this.file), { recursive: true });
    const found = readLock(this.file);
    if (found && !this.isValid(found) && !this.removeStale(found)) return false;
    try {
      writeFileSync(this.file, '', { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
    try {
      writeFileSync(this.file, THIS_PROCESS);
    } catch (error) {
      this.release();
      throw error;
    }
    return true;
  }

  /** Whether a running process holds it, and has not held it for longer than allowed. */
  isHeld(): boolean {
    const found = readLock(this.file);
    return found !== undefined && this.isValid(found);
  }

  /**
   * Whether it is still this process's. One that stood still for long, in a suspended machine for example, may have lost it to
   * another, and asks before it changes what the lock protects.
   */
  isMine(): boolean {
    return readLock(this.file)?.text === THIS_PROCESS;
  }

  /** Holds it for EXPIRES_MS from now. Never throws: a lock that cannot be renewed expires. */
  renew(): void {
    if (!this.isMine()) return;
    const seconds = this.epochNow() / 1000;
    try {
      utimesSync(this.file, seconds, seconds);
    } catch {
      // It expires.
    }
  }

  /**
   * Leaves the lock of another process, which has taken over one that expired. Never throws: a file that cannot be removed
   * expires.
   */
  release(): void {
    const text = readLock(this.file)?.text;
    if (text && text !== THIS_PROCESS) return;
    try {
      rmSync(this.file, { force: true });
    } catch {
      // It expires.
    }
  }

  private isValid({ text, writtenMs }: LockContent): boolean {
    const ageMs = this.epochNow() - writtenMs;
    if (ageMs > this.expiresMs) return false;
    // Earlier versions wrote the id alone.
    const [, pid = '0', where = HERE] = /^(\d{1,9})(?: (.*))?$/.exec(text) ?? [];
    if (Number(pid) === 0) return ageMs <= EMPTY_EXPIRES_MS;
    return where !== HERE || isRunning(Number(pid));
  }

  /**
   * Remove a lock that its process left behind. Another process may have replaced it by its own lock since it was read. The
   * file is therefore moved first, compared, and moved back if it is another.
   * @returns whether the way is free for this process
   */
  private removeStale(stale: LockContent): boolean {
    const moved = `${this.file}.${randomUUID()}`;
    try {
      renameSync(this.file, moved);
    } catch (error) {
      // Another process has just moved it. Any other fault shows when the lock is written.
      return (error as NodeJS.ErrnoException).code !== 'ENOENT';
    }
    const found = readLock(moved);
    if (found?.text === stale.text && found.writtenMs === stale.writtenMs) {
      rmSync(moved, { force: true });
      return true;
    }
    renameSync(moved, this.file);
    return false;
  }
}

/** Whether there is a process of this id, of whatever user. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // The process runs, but belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Undefined if there is no such file, or if it cannot be read. */
function readLock(file: string): LockContent | undefined {
  let opened: number;
  try {
    opened = openSync(file, 'r');
  } catch {
    return undefined;
  }
  try {
    return { text: readFileSync(opened, 'utf8'), writtenMs: fstatSync(opened).mtimeMs };
  } catch {
    return undefined;
  } finally {
    closeSync(opened);
  }
}
