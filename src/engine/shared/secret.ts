import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Address, checkPrivate, secretFileOf } from './address';

const SECRET_BYTES = 32;

/**
 * The secret of an engine; undefined if there is none yet.
 * @throws {NotSharedError} if others may read it
 */
export function readSecret(address: Address): string | undefined {
  const file = secretFileOf(address);
  try {
    checkPrivate(file, 'file');
    const text = readFileSync(file, 'utf8');
    return text.length === 2 * SECRET_BYTES ? text : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The secret of an engine, which is made if there is none. Only whoever holds the lock may call this.
 * @throws {NotSharedError} if others may read it @throws if it cannot be written
 */
export function makeSecret(address: Address): string {
  const found = readSecret(address);
  if (found !== undefined) return found;
  const file = secretFileOf(address);
  const draft = `${file}.${process.pid}`;
  const secret = randomBytes(SECRET_BYTES).toString('hex');
  // A draft first, so that nobody reads half of it.
  rmSync(draft, { force: true });
  writeFileSync(draft, secret, { mode: 0o600, flag: 'wx' });
  try {
    rmSync(file, { force: true });
    linkSync(draft, file);
  } catch {
    // A file system without links.
    writeFileSync(file, secret, { mode: 0o600, flag: 'wx' });
  } finally {
    rmSync(draft, { force: true });
  }
  return secret;
}

/** Files of an engine that has not run for this long are those of a version that is gone. */
const OLD_MS = 30 * 24 * 3600_000;

/** The secret comes last, because the others are found by it. */
const ENDS = ['sock', 'lock', 'busy', 'log', 'secret'];

/** Show that an engine still runs. */
export function touchSecret(address: Address): void {
  try {
    const now = new Date();
    utimesSync(secretFileOf(address), now, now);
  } catch {
    // It was deleted. The next window makes another one, and an engine for it.
  }
}

/** Remove the files of other engines that have not run for a month. Never throws. */
export function removeOldFiles({ folder, key }: Address, nowMs = Date.now()): void {
  try {
    const names = readdirSync(folder);
    const isOld = (name: string) => nowMs - statSync(join(folder, name)).mtimeMs > OLD_MS;
    const keys = names.flatMap((name) => /^([0-9a-f]+)\.secret$/.exec(name)?.[1] ?? []);
    for (const old of keys.filter((other) => other !== key && isOld(`${other}.secret`)))
      for (const end of ENDS) rmSync(join(folder, `${old}.${end}`), { force: true });
  } catch {
    // They take a few bytes.
  }
}
