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
    for (const folder of made) rmSync(folder, { recursive: true, force: true });
  },
};
