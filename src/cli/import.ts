import { lstatSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { LockFile } from '../engine/lockFile';
import { loadAddon } from '../engine/loadAddon';
import { generalGate } from '../models/generalGate';
import { importModel, type ImportProgress } from '../models/import';
import { shown } from '../models/importError';
import type { PromptOrder } from '../matlm/promptFormat';
import { isSystemError, writeFault } from '../matlm/systemFault';
import { type InspectedModel, inspectModel } from '../models/inspect';
import { ModelLibrary, type Reservation } from '../models/library';
import { type NameFault, nameFault, PARTIAL } from '../models/modelIds';
import { partialsOf } from '../models/partialFolder';
import { modelsFolder } from '../models/place';
import type { Bits } from '../models/plan';
import { modelArgument } from './models';
import { UsageError } from './place';
import { layOut } from './table';

export interface ImportArguments {
  readonly path: string;
  readonly name: string | undefined;
  /** As it was typed. */
  readonly bits: string | undefined;
  /** The folder to write; by default one of the library. */
  readonly into: string | undefined;
  readonly onFacts: (facts: InspectedModel) => void;
  readonly onProgress: (progress: ImportProgress) => void;
  readonly signal: AbortSignal;
}

/** What `matcoder import --json` prints. */
export interface ImportReport extends Omit<InspectedModel, 'path'> {
  readonly source: string;
  readonly folder: string;
  readonly seconds: number;
  /** The root mean square of the change of the weights, as a share of that of the weights. */
  readonly relativeError: number;
}

/** Import a model from the disk into the library of the command line, or into a folder. */
export async function importCommand(root: string, options: ImportArguments): Promise<ImportReport> {
  const bits = bitsOf(options.bits);
  checkName(options.name);
  const inspected = await inspectModel(resolve(options.path), { bits });
  const name = options.name?.trim() ?? inspected.name;
  const facts = { ...inspected, name };
  options.onFacts(facts);
  const place = await placeFor(name, options.into);
  const begin = performance.now();
  try {
    const { folder, relativeError } = await importModel(options.path, place.folder, {
      addon: loadAddon(root),
      gate: await generalGate(root),
      name,
      bits,
      onProgress: options.onProgress,
      signal: options.signal,
    });
    const { path, ...rest } = facts;
    return { source: path, folder, ...rest, seconds: (performance.now() - begin) / 1000, relativeError };
  } finally {
    await place.release();
  }
}

type Place = Pick<Reservation, 'folder' | 'release'>;

async function placeFor(name: string, into: string | undefined): Promise<Place> {
  const folder = into === undefined ? modelsFolder() : resolve(into);
  try {
    return into === undefined ? await reserve(folder, name) : await taken(folder);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const { fault, remedy } = writeFault(error);
    const elsewhere =
      into === undefined ? 'give another one with --into FOLDER, or set XDG_CACHE_HOME' : 'choose another';
    throw new UsageError(`${folder}: ${fault}; ${remedy === undefined ? '' : `${remedy}, or `}${elsewhere}`);
  }
}

/** No editor may ever open this library, so this is the next start that removes what killed imports have left. */
async function reserve(folder: string, name: string): Promise<Place> {
  const library = new ModelLibrary(folder);
  await library.clean();
  return library.reserve(name);
}

/**
 * A folder of the user's choice, which no other import gets meanwhile. Its lock has a name that no other program uses:
 * next to `poetry` may be a `poetry.lock`, and a lock that is none looks like one that was left behind.
 */
async function taken(folder: string): Promise<Place> {
  const lock = new LockFile(`${folder}${PARTIAL}.lock`);
  if (!lock.take()) throw new UsageError(`${folder}: another import writes it at this moment`);
  const foreign = (await partialsOf(folder)).find((partial) => !isOurs(partial));
  if (foreign !== undefined) {
    lock.release();
    throw new UsageError(`${foreign}: no import has left it behind; move it away, or choose another folder`);
  }
  const renewal = setInterval(() => {
    lock.renew();
  }, 60_000);
  renewal.unref();
  return {
    folder,
    release() {
      clearInterval(renewal);
      lock.release();
      return Promise.resolve();
    },
  };
}

/** The files that an import writes. */
const WRITTEN = ['tokenizer.json', 'config.json', 'model.safetensors', 'imported.json'];

/** Whether a partial folder, which the import removes, can be of one that was killed; also if it has gone. */
function isOurs(partial: string): boolean {
  const entry = lstatSync(partial, { throwIfNoEntry: false });
  if (!entry) return true;
  return entry.isDirectory() && readdirSync(partial).every((name) => WRITTEN.includes(name));
}

const NAME_FAULTS: Readonly<Record<NameFault, string>> = {
  empty: 'is empty',
  'too long': 'is too long',
  'invisible characters': 'has control characters',
  reserved: 'is one of a size',
  taken: 'is taken',
};

/** The rules of the editor. Names may be taken, because folders tell models apart here. */
function checkName(name: string | undefined): void {
  const fault = name === undefined ? undefined : nameFault(name, []);
  if (fault) throw new UsageError(`the name that --name gives ${NAME_FAULTS[fault]}`);
}

function bitsOf(text: string | undefined): Bits | undefined {
  if (text === undefined) return undefined;
  if (text === '8' || text === '4') return text === '8' ? 8 : 4;
  throw new UsageError(`--bits ${text}: expected 8 or 4`);
}

/** What a model can be asked for, as far as its tokens tell. */
const ORDERS: Readonly<Record<PromptOrder, string>> = {
  spm: 'fills in the middle, suffix first',
  joined: 'fills in the middle, suffix first',
  psm: 'fills in the middle, prefix first',
  none: 'continues the text before the cursor',
};

/** What was found, before the import starts. */
export function factsText(facts: InspectedModel): string {
  const { name, family, parameters, quantisation, bits, isExact, needs } = facts;
  const rows = [
    ['model', shown(name)],
    ['architecture', `${family}, ${facts.layers} layers of ${facts.hiddenSize}, ${counted(parameters)} parameters`],
    ['vocabulary', `${counted(facts.vocabularySize)} tokens`],
    ['context', `${counted(facts.contextLength)} tokens`],
    ['prompt', ORDERS[facts.prompt.order]],
    ['sizes', facts.sizes.join(', ')],
    ['licence', shown(facts.licence ?? 'not stated')],
    ['weights', `${facts.format}, ${quantisation}, ${megabytes(facts.sourceBytes)}`],
    ['imported as', `${bits} bits a weight${isExact ? ', every weight unchanged' : ''}`],
    [
      'import needs',
      `${megabytes(needs.diskBytes)} on the disk, ${megabytes(needs.memoryBytes)} of memory, about ${counted(needs.seconds)} s`,
    ],
    ['use needs', `${megabytes(needs.usedBytes)} of memory`],
  ] as const;
  return layOut(rows, [0, 1]);
}

/** Where it is, and what to do with it. */
export function importedText({ folder, seconds, relativeError }: ImportReport): string {
  const change =
    relativeError === 0 ? 'no weight changed' : `the weights changed by ${(100 * relativeError).toFixed(2)} %`;
  return `${folder}\nImported in ${seconds.toFixed(1)} s; ${change}. Use it with --model ${modelArgument(folder)}.`;
}

function counted(count: number): string {
  return count.toLocaleString('en');
}

function megabytes(bytes: number): string {
  return `${counted(Math.ceil(bytes / 1e6))} MB`;
}
