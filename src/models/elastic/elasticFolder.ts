/** The files of a model's folder while it is made elastic, and their exchange in the end. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LockFile } from '../../engine/lockFile';
import { roomFor, SPARE_DISK_BYTES } from '../room';
import { CheckpointError } from '../../matlm/errors';
import { isRead, isSystemError, readFault, sentence, writeFault } from '../../matlm/systemFault';
import { renameOnceFree } from '../../machine/replaceFile';

/** Whoever holds it writes the folder. */
const LOCK_FILE = 'elastic.lock';
const WEIGHTS = 'model.safetensors';
const CONFIG = 'config.json';
/** New files of any run. Those of earlier versions had no name of their own. */
const PARTIAL = /^(model\.safetensors|config\.json)(\.[\da-f-]{36})?\.partial$/;

/** A lock expires after a while, so a long run renews it. */
const RENEW_MS = 60_000;

/**
 * A model's folder that nobody else makes elastic meanwhile. The new files are written next to the old ones, under names that
 * no other run has: one that has lost its lock, because it stood still for long, may go on at any time. `exchange`
 * renames the weights first and then the configuration: between the two, and after a fault there, the old sizes are read from
 * sorted weights, whose full size is the same function.
 */
export class ElasticFolder {
  readonly newWeights: string;
  private readonly newConfig: string;
  private readonly renewal: NodeJS.Timeout;

  private constructor(
    readonly folder: string,
    private readonly lock: LockFile,
    /** Of the weights when the work began. */
    private readonly version: string,
  ) {
    const run = randomUUID();
    this.newWeights = join(folder, `${WEIGHTS}.${run}.partial`);
    this.newConfig = join(folder, `${CONFIG}.${run}.partial`);
    this.renewal = setInterval(() => {
      lock.renew();
    }, RENEW_MS);
    this.renewal.unref();
  }

  /**
   * Take a folder, and remove what a killed run has left.
   * @throws {CheckpointError} if another process has it, or it cannot be written
   */
  static async take(folder: string): Promise<ElasticFolder> {
    const version = await versionOf(folder);
    const lock = new LockFile(join(folder, LOCK_FILE));
    let isTaken: boolean;
    try {
      isTaken = lock.take();
    } catch (error) {
      throw fileFault(folder, error);
    }
    if (!isTaken)
      throw new CheckpointError(folder, 'another program makes it elastic at this moment', `Wait until it has ended. If there is none, delete ${join(folder, LOCK_FILE)}.`);
    const taken = new ElasticFolder(folder, lock, version);
    try {
      await removeNew(folder);
    } catch (error) {
      await taken.release();
      throw fileFault(folder, error);
    }
    return taken;
  }

  /** @param bytes of the new weights @throws {CheckpointError} if the disk has not as many */
  async requireDisk(bytes: number): Promise<void> {
    // If the system does not tell, it has to be tried.
    const free = await statfs(this.folder).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => Infinity,
    );
    if (free >= bytes + SPARE_DISK_BYTES) return;
    throw new CheckpointError(
      this.folder,
      `making it elastic needs ${roomFor(bytes, SPARE_DISK_BYTES, free)}`,
      'Free some space. The old weights are deleted in the end.',
    );
  }

  /**
   * Put the new weights and this configuration in the place of the old ones.
   * @throws {CheckpointError} if another program has got the folder or changed the model meanwhile, or holds its files
   */
  async exchange(config: object): Promise<void> {
    await writeFile(this.newConfig, `${JSON.stringify(config, undefined, 2)}\n`, { flush: true });
    if ((await versionOf(this.folder)) !== this.version)
      throw new CheckpointError(this.folder, 'another program has changed the model meanwhile', 'Make it elastic again.');
    this.lock.renew(); // it lasts for the exchange
    if (!this.lock.isMine()) throw this.lost();
    try {
      await renameOnceFree(this.newWeights, join(this.folder, WEIGHTS));
      await renameOnceFree(this.newConfig, join(this.folder, CONFIG));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EBUSY' && code !== 'EPERM' && code !== 'EACCES') throw error;
      throw new CheckpointError(
        this.folder,
        `another program has its files open (${code})`,
        'Close the windows that use the model, and make it elastic again.',
      );
    }
  }

  /** What the user can do about a fault of the work in this folder; any other fault as it is. */
  faultOf(error: unknown): unknown {
    // A model that was deleted has lost its lock, too.
    const isThere = existsSync(join(this.folder, WEIGHTS));
    return this.lock.isMine() || !isThere ? fileFault(this.folder, error) : this.lost();
  }

  /** Remove the new files of this run if they were not exchanged, and let others have the folder. */
  async release(): Promise<void> {
    clearInterval(this.renewal);
    // If it fails, the next run removes them.
    for (const file of [this.newWeights, this.newConfig]) await rm(file, { force: true }).catch(() => undefined);
    this.lock.release();
  }

  /** Whoever gets the folder removes the new files of other runs, so that any fault can follow from it. */
  private lost(): CheckpointError {
    const fault = 'this run stood still for so long that another program has got the folder';
    return new CheckpointError(this.folder, fault, 'Make it elastic again.');
  }
}

/**
 * Remove what a killed run has left in a model's folder. A run that is still at work is left alone.
 * @returns whether there was something
 */
export async function removeLeftOvers(folder: string): Promise<boolean> {
  const found = await readdir(folder).catch(() => []);
  if (!found.some((name) => name === LOCK_FILE || PARTIAL.test(name))) return false;
  const lock = new LockFile(join(folder, LOCK_FILE));
  try {
    if (!lock.take()) return false;
  } catch {
    return false;
  }
  await removeNew(folder).catch(() => undefined);
  lock.release();
  return true;
}

/** The new files of all runs. Only the holder of the lock may. */
async function removeNew(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (PARTIAL.test(name)) await rm(join(folder, name), { force: true });
}

/** Another one whenever the weights were replaced. */
async function versionOf(folder: string): Promise<string> {
  const file = join(folder, WEIGHTS);
  try {
    const { ino, size, mtimeMs } = await stat(file, { bigint: true });
    return [ino, size, mtimeMs].join(' ');
  } catch (error) {
    throw fileFault(file, error);
  }
}

/** What the user can do about a fault of the file system; any other fault as it is. */
export function fileFault(folder: string, error: unknown): unknown {
  if (error instanceof CheckpointError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT')
    return new CheckpointError(folder, 'a file of the model is missing', 'Was it deleted meanwhile? Import it again.');
  if (!isSystemError(error)) return error;
  const { fault, remedy } = isRead(error) ? readFault(error) : writeFault(error);
  const other = isRead(error) ? 'import the model again' : 'copy the model to another folder, and use that';
  const advice = sentence(remedy ?? other);
  return new CheckpointError(folder, fault, `${advice} The model is as it was.`);
}
