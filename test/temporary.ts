import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

/** A new empty folder, removed after the last test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'matcoder-test-'));
  made.push(folder);
  return folder;
}

/** Registered in .mocharc.json. */
export const mochaHooks = {
  afterAll(): void {
    for (const folder of made) {
      try {
        rmSync(folder, { recursive: true, force: true });
      } catch (error) {
        // Windows removes no addon that this process has loaded.
        if (process.platform !== 'win32' || (error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
      }
    }
  },
};
