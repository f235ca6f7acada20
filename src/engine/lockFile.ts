import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** No probe takes this long, because each of its few processes has half a minute. */
const EXPIRES_MS = 20 * 60_000;
/** A lock without a process id is one that is being written, or could not be. */
const EMPTY_EXPIRES_MS = 5_000;

/** A file that one process at a time holds, with its id. A lock that its process left behind is ignored. */
export class LockFile {
  constructor(
    private readonly file: string,
    /** Milliseconds since the epoch, as in the file system's times. */
    private readonly epochNow: () => number = Date.now,
  ) {}

  /** @returns whether this process holds it now. @throws if it cannot be written; nothing is left behind then */
  take(): boolean {
    mkdirSync(dirname(this.file), { recursive: true });
    if (!this.isHeld()) this.release();
    try {
      writeFileSync(this.file, '', { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
    try {
      writeFileSync(this.file, String(process.pid));
    } catch (error) {
      this.release();
      throw error;
    }
    return true;
  }

  /** Whether a running process holds it, and has not held it for longer than EXPIRES_MS. */
  isHeld(): boolean {
    let pid: number;
    try {
      const text = readFileSync(this.file, 'utf8');
      const ageMs = this.epochNow() - statSync(this.file).mtimeMs;
      if (ageMs > EXPIRES_MS) return false;
      if (!/^\d{1,9}$/.test(text) || Number(text) === 0) return ageMs <= EMPTY_EXPIRES_MS;
      pid = Number(text);
    } catch {
      return false;
    }
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      // The process runs, but belongs to another user.
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  }

  /** Never throws: a file that cannot be removed expires. */
  release(): void {
    try {
      rmSync(this.file, { force: true });
    } catch {
      // It expires.
    }
  }
}
