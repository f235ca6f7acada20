/** A model of one size becomes elastic: the same model with narrower sizes, made on this machine without training. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { NativeMemory } from '../../engine/addon';
import { loadAddon } from '../../engine/loadAddon';
import { LocalEngine, openMemory } from '../../engine/native';
import { type Checkpoint, openCheckpoint } from '../../matlm/checkpoint';
import { type CheckpointConfig, parseConfig } from '../../matlm/config';
import { CheckpointError } from '../../matlm/errors';
import { isObject, parseObject } from '../../matlm/json';
import { readTensorEntries } from '../../matlm/safetensors';
import { WIDTH_STEP } from '../../matlm/shape';
import { bytesPerToken } from '../../matlm/submodel';
import { bytesPerWeight, checkTensors } from '../../matlm/tensors';
import type { SampleFile } from '../heldOut';
import { calibrate } from './calibrate';
import { chooseDrafter } from './drafter';
import { ElasticFolder } from './elasticFolder';
import type { Unchanged } from '../importProtocol';
import type { ElasticRecord, SampleKind } from './record';
import { reorder } from './reorder';
import { splitSample } from './sampleText';
import { searchWidths } from './search';
import { saves } from './sizes';
import { BUDGET_MS, type Stage } from './stages';
import type { ElasticOptions, FoundWidths, FrontierRow, SampleParts } from './types';
import { mlpName } from './weights';

/** The pieces of the work in their order, and about how much of the time each takes. */
const SHARES: Readonly<Record<Stage, number>> = { calibrate: 0.2, sort: 0.05, search: 0.55, draft: 0.2 };

export interface MakeElasticOptions {
  /** The folder that holds the addon. */
  readonly root: string;
  /** Whose text it is, for the record. */
  readonly sample: SampleKind;
  /** Where it is from, such as its folder, for messages. */
  readonly sampleFrom?: string;
  /** 0 for the engine's own choice. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** The share of all work that is done, 0 to 1. */
  readonly onProgress?: (share: number, stage: Stage) => void;
  readonly budgetMs?: number;
  /** Of the record. */
  readonly now?: () => Date;
}

export interface MadeElastic {
  readonly folder: string;
  /** FFN width of each layer by name, XL with them; those that it had if nothing was changed. */
  readonly sizes: Readonly<Record<string, readonly number[]>>;
  /** Why nothing was changed; undefined if the model has new sizes. */
  readonly unchanged: Unchanged | undefined;
  readonly frontier: readonly FrontierRow[];
  /** Of all weights: a matrix whose 4 bits share scales in groups has 8 bits once its columns are sorted. */
  readonly weightBytes: { readonly before: number; readonly after: number };
  /** Of the part of the sample that the sizes are measured on. Next to those of the record it tells whether there was time for it. */
  readonly heldOutTextBytes: number;
  readonly record: ElasticRecord;
}

/**
 * Give a model narrower sizes. It sorts the hidden units of each feed-forward block by what they contribute to sample text,
 * searches widths for each layer, and chooses a drafter. The full size stays the same function. The folder holds the old model
 * or the new one at every moment; what a killed run has left is removed by the next one. An elastic model is sorted anew.
 * @param files of the sample, see `splitSample`
 * @throws {CheckpointError} naming the file, the fault and what to do @throws the signal's reason if it is aborted
 */
export async function makeElastic(
  folder: string,
  files: readonly SampleFile[],
  options: MakeElasticOptions,
): Promise<MadeElastic> {
  const { root, signal } = options;
  const path = resolve(folder);
  await refuseUnfit(await openCheckpoint(path));
  const parts = splitSample(files, options.sampleFrom ?? 'the sample');
  const addon = loadAddon(root);
  const place = await ElasticFolder.take(path);
  try {
    const work = new Work(options);
    // Opened again, because another run may have replaced the weights before this one got the folder.
    const checkpoint = await openCheckpoint(path);
    await place.requireDisk(sortedBytes(checkpoint));
    const units = await withEngine(checkpoint, options, (engine) =>
      calibrate(engine, checkpoint, parts.calibration, work.piece('calibrate')),
    );
    await reorder(addon, checkpoint, units, place.newWeights, work.piece('sort'));
    const sorted = await sortedCheckpoint(checkpoint, place.newWeights);
    const { found, drafter } = await widthsOf(sorted, options, parts, work);
    signal?.throwIfAborted();
    const record = recordOf(options, units.tokens, found);
    const all = sizesOf(checkpoint, found, drafter);
    const unchanged = whyUnchanged(checkpoint, sorted, found, all);
    const sizes = unchanged ? checkpoint.config.granularities : all;
    const weightBytes = { before: bytesOf(checkpoint), after: bytesOf(sorted) };
    const heldOutTextBytes = parts.heldOut.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    const result = { folder: path, sizes, unchanged, frontier: found.frontier, weightBytes, heldOutTextBytes, record };
    if (unchanged) return result;
    await place.exchange(await newConfig(path, result));
    return result;
  } catch (error) {
    // An engine ends an aborted request with an error of its own.
    throw signal?.aborted ? signal.reason : place.faultOf(error);
  } finally {
    await place.release();
  }
}

/** The time and the progress of each piece. */
class Work {
  constructor(private readonly options: MakeElasticOptions) {}

  piece(stage: Stage): ElasticOptions {
    const { signal, onProgress, budgetMs = BUDGET_MS } = this.options;
    const stages = Object.keys(SHARES) as Stage[];
    const before = stages.slice(0, stages.indexOf(stage)).reduce((sum, name) => sum + SHARES[name], 0);
    return {
      signal,
      budgetMs: (budgetMs * SHARES[stage]) / (1 - SHARES.sort),
      onProgress: (share) => onProgress?.(before + SHARES[stage] * share, stage),
    };
  }
}

async function widthsOf(
  sorted: Checkpoint,
  options: MakeElasticOptions,
  parts: SampleParts,
  work: Work,
): Promise<{ found: FoundWidths; drafter: readonly number[] | undefined }> {
  // A drafter has to be better than copies, also those from other files.
  const memory = openMemory(options.root, sorted);
  for (const [document, { text }] of parts.calibration.entries())
    await memory?.set(document, Int32Array.from(sorted.tokenizer.encode(text)));
  const use = async (engine: LocalEngine) => {
    const found = await searchWidths(engine, sorted, parts, work.piece('search'));
    return { found, drafter: await chooseDrafter(engine, sorted, parts.search, work.piece('draft')) };
  };
  return withEngine(sorted, options, use, memory);
}

async function withEngine<Result>(
  checkpoint: Checkpoint,
  { root, threads }: MakeElasticOptions,
  use: (engine: LocalEngine) => Promise<Result>,
  memory?: NativeMemory,
): Promise<Result> {
  const engine = new LocalEngine(root, checkpoint, threads, memory);
  try {
    return await use(engine);
  } finally {
    engine.dispose();
  }
}

/** Every architecture that is read has a gated feed-forward block, so that needs no check. */
async function refuseUnfit({ folder, config }: Checkpoint): Promise<void> {
  const { ffnSize } = config.model;
  if (ffnSize <= WIDTH_STEP)
    throw new CheckpointError(
      folder,
      `its feed-forward blocks have ${ffnSize} hidden units, and the narrowest size has ${WIDTH_STEP}`,
      'Choose a larger model. This one works as it is.',
    );
  const { matformer } = await configOf(folder);
  const isNested = Object.keys(config.granularities).length > 1 || config.frontier.length > 0;
  if (isNested && !(isObject(matformer) && isObject(matformer.elastic)))
    throw new CheckpointError(folder, 'it has sizes already, because it was trained nested', 'Use it as it is.');
}

async function configOf(folder: string): Promise<Record<string, unknown>> {
  const file = join(folder, 'config.json');
  return parseObject(file, await readFile(file, 'utf8'));
}

/** Of the sorted weights, at most: a down of 4 bits gets 8, and one of float16 gets float32. */
function sortedBytes(checkpoint: Checkpoint): number {
  const { layers, hiddenSize, ffnSize } = checkpoint.config.model;
  const grown = checkpoint.tensors[mlpName(0, 'down')]?.dtype === 'F16' ? 2 : 1;
  return bytesOf(checkpoint) + layers * ffnSize * (grown * hiddenSize + 4);
}

function bytesOf({ tensors }: Checkpoint): number {
  return Object.values(tensors).reduce((sum, { begin, end }) => sum + end - begin, 0);
}

/** The new weights as a model of one size, as the engine opens it. */
async function sortedCheckpoint(checkpoint: Checkpoint, weightsFile: string): Promise<Checkpoint> {
  const { model, granularities, gate } = checkpoint.config;
  const tensors = await readTensorEntries(weightsFile);
  const sorted = { ...model, hasCompensation: true, bytesPerWeight: bytesPerWeight(tensors) };
  checkTensors(weightsFile, sorted, tensors);
  const config: CheckpointConfig = { model: sorted, granularities: { XL: granularities.XL ?? [] }, frontier: [], gate };
  return { ...checkpoint, weightsFile, tensors, config };
}

function sizesOf(
  { config }: Checkpoint,
  { sizes }: FoundWidths,
  drafter: readonly number[] | undefined,
): Record<string, readonly number[]> {
  return { XL: config.granularities.XL ?? [], ...sizes, ...(drafter && { XS: drafter }) };
}

/** Why the sizes are not worth it; undefined if they are. */
function whyUnchanged(
  { config }: Checkpoint,
  { config: sorted }: Checkpoint,
  { sizes }: FoundWidths,
  all: MadeElastic['sizes'],
): Unchanged | undefined {
  if (Object.keys(all).length === 1) return 'loss';
  const full = config.granularities.XL ?? [];
  const narrowest = Math.min(...Object.values(sizes).map((widths) => bytesPerToken(sorted.model, widths)));
  const isWorthIt = saves(bytesPerToken(config.model, full), bytesPerToken(sorted.model, full), narrowest);
  if (isWorthIt) return undefined;
  return Object.keys(sizes).length === 0 ? 'loss' : 'growth';
}

function recordOf({ sample, now }: MakeElasticOptions, calibratedTokens: number, found: FoundWidths): ElasticRecord {
  const { searchedTokens, heldOutTokens, heldOutBytes } = found;
  const createdAt = (now?.() ?? new Date()).toISOString();
  return { sample, calibratedTokens, searchedTokens, heldOutTokens, heldOutBytes, createdAt };
}

/** The configuration as it is now, with the sizes. @throws {CheckpointError} if no engine would read it */
async function newConfig(folder: string, { sizes, frontier, record }: MadeElastic): Promise<object> {
  const config = await configOf(folder);
  const before = isObject(config.matformer) ? config.matformer : {};
  const matformer = { ...before, compensation: 'mean', granularities: sizes, frontier, elastic: record };
  const changed = { ...config, matformer };
  parseConfig(join(folder, 'config.json'), JSON.stringify(changed));
  return changed;
}
