import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LockFile } from '../engine/lockFile';
import { isObject } from '../matlm/json';
import { removeLeftOvers } from './elastic/elasticFolder';
import { type ElasticRecord, elasticRecordOf } from './elastic/record';
import { readJson, RECORD_FILE, recordOf, renameRecord } from './importRecord';
import type { Measured } from './importProtocol';
import { readMeasured } from './measured';
import { type ModelSize, modelSizesOf } from './modelSizes';
import { DELETED, freeIds, idOf, isId, LOCK, nameFault } from './modelIds';
import { partialsOf, wholeOf } from './partialFolder';
import { renameOnceFree } from '../machine/replaceFile';

/** A model in the library. */
export interface LibraryModel {
  /** The name of its folder. It never changes. */
  readonly id: string;
  /** What the user calls it. */
  readonly name: string;
  /** The architecture: `llama`, `qwen2`. */
  readonly family: string;
  /** Of a weight; undefined if unknown. */
  readonly bits: number | undefined;
  readonly parameters: number | undefined;
  readonly licence: string | undefined;
  /** The address of its page. */
  readonly page: string | undefined;
  readonly diskBytes: number;
  /** Milliseconds since the epoch. */
  readonly createdMs: number;
  readonly folder: string;
  /** Names the file that is missing or unusable; undefined if the model looks whole. */
  readonly broken: string | undefined;
  /** Whether it completes from the text before the cursor alone. */
  readonly isPrefixOnly: boolean;
  readonly measured: Measured;
  /** The sizes that it can answer with, smallest first and XL with them; empty if it has one. */
  readonly sizes: readonly ModelSize[];
  /** How they were found; undefined if it was trained with them, or has one. */
  readonly elasticity: Partial<ElasticRecord> | undefined;
}

/** A place in the library for a model that is being imported. */
export interface Reservation {
  readonly id: string;
  /** The folder that the import writes in the end. It does not exist yet. */
  readonly folder: string;
  /** Whether no other program has got the place meanwhile, which happens if this one stands still for long. */
  isHeld(): boolean;
  /** Gives the place free, and removes what an import that did not end has left behind. */
  release(): Promise<void>;
}

/** The files without which a model is broken. */
const NEEDED = ['config.json', 'tokenizer.json', 'model.safetensors'];
/** A lock expires after a while, so a long import renews it. */
const RENEW_MS = 60_000;

/**
 * The models that the user has imported: a folder with one folder for each. An import writes into `ID.UUID.partial` next to it,
 * which is renamed at the end, and holds `ID.lock` meanwhile. Any number of windows and of programs may use
 * it at once; what it knows is what is on the disk.
 */
export class ModelLibrary {
  /** @param folder need not exist */
  constructor(readonly folder: string) {}

  /** All models, the latest first; without those that are being imported. */
  async list(): Promise<LibraryModel[]> {
    const ids = (await this.names()).filter(isId);
    const models = await Promise.all(ids.map((id) => readModel(id, this.folderOf(id))));
    return models
      .filter((model) => model !== undefined)
      .sort((a, b) => b.createdMs - a.createdMs || a.id.localeCompare(b.id));
  }

  /** A model by its id; undefined if there is none. */
  async find(id: string): Promise<LibraryModel | undefined> {
    return isId(id) ? readModel(id, this.folderOf(id)) : undefined;
  }

  /** The folder of a model, whether or not it exists. @throws if it is no id: one with a path would lead elsewhere */
  folderOf(id: string): string {
    if (!isId(id)) throw new Error(`${JSON.stringify(id.slice(0, 60))} is not the id of a model`);
    return join(this.folder, id);
  }

  /**
   * A place for a model, which no other window gets until it is released.
   * @throws if the folder cannot be written
   */
  async reserve(name: string): Promise<Reservation> {
    await mkdir(this.folder, { recursive: true });
    for (const id of freeIds(idOf(name))) {
      const folder = this.folderOf(id);
      if (await exists(folder)) continue;
      const lock = this.lockOf(id);
      if (!lock.take()) continue;
      // Another window may have ended its import between the two questions.
      if (await exists(folder)) {
        lock.release();
        continue;
      }
      await removeAll(await partialsOf(folder)); // of imports that were killed
      const renewal = setInterval(() => {
        lock.renew();
      }, RENEW_MS);
      renewal.unref(); // an import that is forgotten does not keep its program running
      return {
        id,
        folder,
        isHeld: () => lock.isMine(),
        async release() {
          clearInterval(renewal);
          // What is there otherwise may be of the program that has the place now.
          if (lock.isMine()) await removeAll(await partialsOf(folder));
          lock.release();
        },
      };
    }
    throw new Error('unreachable: there is always a free number');
  }

  /** Change the display name of a model. @throws if it cannot be written */
  async rename(id: string, name: string): Promise<void> {
    await renameRecord(this.folderOf(id), name.trim());
  }

  /**
   * Delete a model. It is out of the list at once, and half of it is never in the list.
   * @throws if it is in use on Windows, or may not be removed
   */
  async delete(id: string): Promise<void> {
    const folder = this.folderOf(id);
    const moved = `${folder}.${randomUUID()}${DELETED}`;
    try {
      await renameOnceFree(folder, moved);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return; // another window was quicker
      throw error;
    }
    await remove(moved);
  }

  /**
   * Remove what killed imports and deletions have left behind, and runs that made a model elastic. Those that are still
   * running are left alone.
   * @returns the names of the folders that were removed, or in which something was
   */
  async clean(): Promise<string[]> {
    const removed: string[] = [];
    for (const name of await this.names()) {
      const folder = join(this.folder, name);
      if (isId(name) && (await removeLeftOvers(folder))) removed.push(name);
      if (name.endsWith(DELETED) && (await remove(folder))) removed.push(name);
      const id = wholeOf(name);
      const lock = id !== undefined && isId(id) ? this.lockOf(id) : undefined;
      if (!lock?.take()) continue;
      try {
        if (await remove(folder)) removed.push(name);
      } finally {
        lock.release();
      }
    }
    return removed;
  }

  private lockOf(id: string): LockFile {
    return new LockFile(join(this.folder, `${id}${LOCK}`));
  }

  /** The folders and files in the library; none if it does not exist. */
  private async names(): Promise<string[]> {
    return readdir(this.folder).catch(() => []);
  }
}

async function readModel(id: string, folder: string): Promise<LibraryModel | undefined> {
  const entry = await stat(folder).catch(() => undefined);
  if (!entry?.isDirectory()) return undefined;
  const [json, config, sizes, measured] = await Promise.all([
    readJson(join(folder, RECORD_FILE)),
    readJson(join(folder, 'config.json')),
    fileSizes(folder),
    readMeasured(folder),
  ]);
  const record = recordOf(json);
  const missing = NEEDED.find((name) => !sizes.get(name));
  const { model_type: type, matcoder } = isObject(config) ? config : {};
  const prompt = isObject(matcoder) && isObject(matcoder.prompt) ? matcoder.prompt : {};
  return {
    id,
    // The record may have been edited by hand.
    name: record.name !== undefined && nameFault(record.name, []) === undefined ? record.name : id,
    family: record.family ?? (typeof type === 'string' ? type : 'unknown'),
    bits: record.bits,
    parameters: record.parameters,
    licence: record.licence,
    page: record.page,
    diskBytes: [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0),
    createdMs: record.createdMs ?? entry.birthtimeMs,
    folder,
    broken: missing ?? (isObject(config) ? undefined : 'config.json'),
    isPrefixOnly: prompt.order === 'none',
    measured,
    sizes: modelSizesOf(config),
    elasticity: elasticRecordOf(config),
  };
}

/** The bytes of each file in a folder, by its name. */
async function fileSizes(folder: string): Promise<Map<string, number>> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(
    names.map(async (name) => {
      const entry = await stat(join(folder, name)).catch(() => undefined);
      return [name, entry?.isFile() ? entry.size : 0] as const;
    }),
  );
  return new Map(sizes);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function removeAll(paths: readonly string[]): Promise<void> {
  for (const path of paths) await remove(path);
}

/** Whether there was something, and now is not. A folder that cannot be removed is removed at the next cleaning. */
async function remove(path: string): Promise<boolean> {
  if (!(await exists(path))) return false;
  return rm(path, { recursive: true, force: true }).then(
    () => true,
    () => false,
  );
}
