import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hardwareFile } from '../engine/hardwareFile';
import { isRunning, LockFile } from '../engine/lockFile';
import { hashOf } from './source';

/** In the folder of an index: the path of its workspace folder. Its time is that of the last use. */
const ROOT_FILE = 'root';
export const INDEX_ENDING = '.index';
/** Of a file that a process is writing: its id and an ending. */
const PARTIAL = /\.(\d{1,9})\.partial$/;
/** No index takes so long to write. */
const WRITTEN_MS = 10 * 60_000;
/** The index of a folder that has gone is kept for so long: the folder may be on a disk that is not there at the moment. */
export const KEPT_DAYS = 60;
const DAY_MS = 24 * 60 * 60_000;

/** The folder of all indexes, in the user's cache folder: windows and the command line share them. */
export function indexFolder(): string {
  return join(dirname(hardwareFile()), 'search');
}

/** The folder of the index of a workspace folder, with a name that a person recognises. */
export function storeFolder(storage: string, root: string): string {
  const name =
    /[^/\\]*$/
      .exec(root)?.[0]
      .replace(/[^\w.-]/g, '_')
      .slice(0, 40) ?? '';
  return join(storage, `${name}-${hashOf(root).slice(0, 12)}`);
}

/** Write down that the index of a workspace folder is in use. Never rejects: if nothing can be written, the index says so. */
export async function noteUse(store: string, root: string): Promise<void> {
  const [file, text] = [join(store, ROOT_FILE), `${root}\n`];
  try {
    const now = new Date();
    // What is there is not written again, because a full disk would empty it.
    if ((await readFile(file, 'utf8').catch(() => '')) === text) await utimes(file, now, now);
    else {
      await mkdir(store, { recursive: true });
      await writeFile(file, text, { mode: 0o600 });
    }
  } catch {
    // The index is not stored either.
    await rm(file, { force: true }).catch(() => undefined);
  }
}

/** The name under which this process writes a file. */
export function partialOf(file: string): string {
  return `${file}.${process.pid}.partial`;
}

/** Remove what programs have left behind that were ended while they wrote. Only the holder of the lock may. Never rejects. */
export async function removePartials(store: string, nowMs = Date.now()): Promise<void> {
  const names = await readdir(store).catch(() => []);
  const removed = names.map(async (name) => {
    const pid = PARTIAL.exec(name)?.[1];
    if (pid === undefined) return;
    const file = join(store, name);
    // A program that was asleep has lost the lock and may go on to write. Its id may be that of another program by now.
    const isWritten = isRunning(Number(pid)) && nowMs - (await stat(file)).mtimeMs < WRITTEN_MS;
    if (!isWritten) await rm(file, { force: true });
  });
  await Promise.allSettled(removed);
}

/**
 * Remove the indexes of workspace folders that have gone and were not used for `KEPT_DAYS`. Never rejects.
 * @param nowMs milliseconds since the epoch
 */
export async function removeAbandoned(storage: string, nowMs = Date.now()): Promise<void> {
  for (const name of await readdir(storage).catch(() => [])) {
    const store = join(storage, name);
    try {
      if (await isAbandoned(store, nowMs)) await rm(store, { recursive: true, force: true });
    } catch {
      // The next start tries again.
    }
  }
}

async function isAbandoned(store: string, nowMs: number): Promise<boolean> {
  const names = await readdir(store);
  // Nothing else is removed, whoever has put it there.
  if (!names.some((name) => name === ROOT_FILE || name.endsWith(INDEX_ENDING))) return false;
  const times = await Promise.all(names.map(async (name) => (await stat(join(store, name))).mtimeMs));
  if (nowMs - Math.max(...times) < KEPT_DAYS * DAY_MS) return false;
  // Versions that wrote down no path had indexes that are of no use now.
  const root = names.includes(ROOT_FILE)
    ? (await readFile(join(store, ROOT_FILE), 'utf8')).replace(/\n$/, '')
    : undefined;
  return (root === undefined || (await hasGone(root))) && !new LockFile(join(store, 'lock')).isHeld();
}

/** A folder that cannot be looked at, on a server for example, may be there. */
function hasGone(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => false,
    (error: unknown) => ['ENOENT', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code)),
  );
}
