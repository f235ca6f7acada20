/** From a model on the disk to a checkpoint folder. `inspectModel` says before what it is and what it will need. */
import { lstat, mkdir, open, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { readMemory } from '../machine/memory';
import { renameOnceFree } from '../machine/replaceFile';
import { openCheckpoint } from '../matlm/checkpoint';
import type { MemoryGate } from '../matlm/config';
import { CheckpointError } from '../matlm/errors';
import { isObject, parseObject } from '../matlm/json';
import type { PromptFormat } from '../matlm/promptFormat';
import { isRead, isSystemError, sentence, unreadable, writeFault } from '../matlm/systemFault';
import { convert, type Converter } from './convert';
import { ImportError, importErrorOf } from './importError';
import { factsOf, importThreads, type ModelFacts } from './inspect';
import { roomFor, SPARE_DISK_BYTES } from './room';
import { openSource } from './open';
import { partialOf, partialsOf } from './partialFolder';
import { type Bits, defaultBits, type ImportPlan, planImport } from './plan';
import { promptOf } from './prompt';
import type { Source } from './source';

export interface ImportProgress {
  readonly doneWeights: number;
  readonly totalWeights: number;
}

/** The machine, for the checks before anything is written. */
export interface Resources {
  /** On the disk of a folder that exists. */
  freeDiskBytes(folder: string): Promise<number>;
  /** That programs can have now without others being swapped out. */
  readonly availableMemoryBytes: number;
  readonly totalMemoryBytes: number;
}

export interface ImportOptions {
  readonly addon: Converter;
  /** What the user calls it; by default what its file does. */
  readonly name?: string | undefined;
  /** The gate of the memory for a model that brings none, until its own is fitted: from `generalGate`. */
  readonly gate?: MemoryGate | undefined;
  /** By default those of `inspectModel`. */
  readonly bits?: Bits | undefined;
  readonly onProgress?: (progress: ImportProgress) => void;
  readonly signal?: AbortSignal;
  readonly resources?: Resources;
  /** Of the time of the import. */
  readonly now?: () => Date;
}

export interface Imported {
  readonly folder: string;
  readonly facts: ModelFacts;
  /** The root mean square of the change of the weights, as a share of that of the weights; 0 if none changed. */
  readonly relativeError: number;
}

/**
 * Write the checkpoint of a model that is on the disk. It is written next to `folder` under a name of its own, which is
 * renamed at the end. An import that fails or is cancelled leaves nothing there, and one that was killed leaves the partial
 * folder, which the next one of the same name removes. The caller holds a lock, so that no two imports into the same folder run
 * at once. If it loses it, either import ends with a whole model or with a fault.
 * @param folder must not exist, its parent may
 * @throws {CheckpointError} naming the file, the fault and what to do @throws the signal's reason if it is aborted
 */
export async function importModel(path: string, folder: string, options: ImportOptions): Promise<Imported> {
  const target = resolve(folder);
  const source = await openSource(resolve(path));
  const plan = planImport(source, options.bits ?? defaultBits(source));
  const facts = factsOf(source, plan);
  const partial = partialOf(target);
  const tokenizerText = await source.tokenizerText();
  const prompt = promptOf(source, parseObject(source.tokenizerFile, tokenizerText));
  await refuseExisting(target);
  await checkResources(target, facts, options.resources ?? THIS_MACHINE);
  options.signal?.throwIfAborted();
  // Of imports that were killed.
  for (const left of await partialsOf(target)) await rm(left, { recursive: true, force: true });
  try {
    await mkdir(partial, { recursive: true });
    const relativeError = await write(partial, source, plan, { ...options, tokenizerText, prompt, id: basename(target) });
    options.signal?.throwIfAborted();
    await refuseExisting(target);
    await renameOnceFree(partial, target);
    return { folder: target, facts, relativeError };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isGone = code === 'ENOENT' && !(await isThere(partial));
    await rm(partial, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
    if (isGone)
      throw new ImportError(
        target,
        'its import stood still for so long that another program has removed what was written',
        'Import the model again.',
      );
    throw faultOf(source, target, error);
  }
}

/** A fault of the file system while the weights are read and written; any other as it is. */
function faultOf(source: Source, target: string, error: unknown): unknown {
  if (error instanceof CheckpointError || !isSystemError(error)) return error;
  if (isRead(error)) return importErrorOf(unreadable(source.path, error));
  const { code = '', syscall } = error;
  if (syscall === 'rename' && ['EBUSY', 'EPERM', 'EACCES'].includes(code))
    return new ImportError(
      target,
      `another program has its files open (${code})`,
      'A virus scanner may be reading them: import the model again.',
    );
  const { fault, remedy = 'choose another folder' } = writeFault(error);
  return new ImportError(target, fault, sentence(`${remedy}, and import the model again`));
}

async function write(
  partial: string,
  source: Source,
  plan: ImportPlan,
  options: ImportOptions & { readonly tokenizerText: string; readonly prompt: PromptFormat; readonly id: string },
): Promise<number> {
  const name = options.name ?? source.name;
  const matcoder = {
    prompt: options.prompt,
    ...(source.licence === undefined ? {} : { licence: source.licence }),
    name,
  };
  await writeFile(join(partial, 'tokenizer.json'), options.tokenizerText);
  const memory = options.gate && { memory: options.gate };
  const matformer = { ...memory, ...(isObject(source.config.matformer) ? source.config.matformer : {}) };
  await writeJson(join(partial, 'config.json'), {
    ...source.config,
    ...(Object.keys(matformer).length > 0 && { matformer }),
    matcoder,
  });
  const weightsFile = join(partial, 'model.safetensors');
  const handle = await open(weightsFile, 'wx');
  let relativeError: number;
  try {
    const converted = await convert(options.addon, plan, handle, {
      threads: importThreads(),
      signal: options.signal,
      onProgress: (doneWeights) => options.onProgress?.({ doneWeights, totalWeights: plan.parameters }),
    });
    relativeError = converted.relativeError;
    await handle.sync();
  } finally {
    await handle.close();
  }
  await writeJson(join(partial, 'imported.json'), {
    version: 1,
    name,
    id: options.id,
    source: {
      file: basename(source.path),
      bytes: source.bytes,
      format: source.format,
      quantisation: source.quantisation,
      ...(source.page === undefined ? {} : { page: source.page }),
    },
    licence: source.licence,
    family: source.config.model_type,
    parameters: plan.parameters,
    quantisation: source.quantisation,
    url: source.page,
    bits: plan.bits,
    relativeError,
    createdAt: (options.now?.() ?? new Date()).toISOString(),
  });
  // What was written has to be what the engine reads.
  await openCheckpoint(partial);
  return relativeError;
}

async function writeJson(file: string, value: object): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, undefined, 2)}\n`);
}

async function refuseExisting(folder: string): Promise<void> {
  // A link that leads nowhere is in the way, too.
  const entry = await lstat(folder).catch(() => undefined);
  if (entry) throw new ImportError(folder, 'it exists already', 'Choose another name or folder.');
}

const THIS_MACHINE: Resources = {
  async freeDiskBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  get availableMemoryBytes() {
    return readMemory().freeBytes;
  },
  get totalMemoryBytes() {
    return readMemory().totalBytes;
  },
};

async function checkResources(folder: string, { needs, bits }: ModelFacts, resources: Resources): Promise<void> {
  const disk = await existing(dirname(folder));
  // If the system does not tell, it has to be tried.
  const free = await resources.freeDiskBytes(disk).catch(() => Infinity);
  const fewer = bits === 8 ? ' Four bits a weight need about half.' : '';
  if (free < needs.diskBytes + SPARE_DISK_BYTES)
    throw new ImportError(
      disk,
      `the model needs ${roomFor(needs.diskBytes, SPARE_DISK_BYTES, free)}`,
      `Free some space, or choose a smaller model.${fewer}`,
    );
  if (resources.availableMemoryBytes < needs.memoryBytes)
    throw new ImportError(
      folder,
      `importing the model needs ${megabytes(needs.memoryBytes)} of memory, and ${megabytes(resources.availableMemoryBytes)} are free`,
      'Close other programs, or choose a smaller model.',
    );
  if (resources.totalMemoryBytes < needs.weightBytes)
    throw new ImportError(
      folder,
      `the model needs ${megabytes(needs.weightBytes)} of memory, and this machine has ${megabytes(resources.totalMemoryBytes)}`,
      `Choose a smaller model.${fewer}`,
    );
}

/** The folder, or the nearest above it that exists. */
async function existing(folder: string): Promise<string> {
  return (await isThere(folder)) || dirname(folder) === folder ? folder : existing(dirname(folder));
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6).toLocaleString('en')} MB`;
}
