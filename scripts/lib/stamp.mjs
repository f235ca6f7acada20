import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Does the work unless the stamp file says that it was done with this key. The stamp of an earlier result goes first, because
 * work that is interrupted may have changed that result.
 *
 * @param {string} stampFile the file that keeps the key of the last success
 * @param {string} key a digest of everything that the result depends on, see `hashOf`
 * @param {() => Promise<unknown>} work
 */
export async function once(stampFile, key, work) {
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === key) return;
  rmSync(stampFile, { force: true });
  await work();
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, key);
}

/** A digest of the contents of files; one that is missing counts as empty. */
export function hashOf(...files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(existsSync(file) ? readFileSync(file) : '').update('\0');
  return hash.digest('hex');
}

/** When the newest file under the paths was written, in milliseconds; 0 if there is none. */
export function newest(...paths) {
  let latestMs = 0;
  for (const path of paths) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) continue;
    const inside = stat.isDirectory() ? newest(...readdirSync(path).map((name) => join(path, name))) : stat.mtimeMs;
    latestMs = Math.max(latestMs, inside);
  }
  return latestMs;
}
