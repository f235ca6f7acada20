import { readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Calibration, CALIBRATION_FILE, readCalibration } from './calibration';
import { type CheckpointConfig, parseConfig } from './config';
import { CheckpointError } from './errors';
import { isObject, parseObject } from './json';
import { ownFormat, parsePromptFormat, type PromptFormat } from './promptFormat';
import { regularFileBytes } from './regularFile';
import { readTensorEntries, type TensorEntry } from './safetensors';
import { unreadable } from './systemFault';
import { bytesPerWeight, checkTensors } from './tensors';
import { Tokenizer } from './tokenizer';

/** The folder of the checkpoint that ships, relative to the extension's own. */
export const SHIPPED = join('models', 'matlm-46m');

/** Larger files are refused before they are read. A vocabulary of 250,000 tokens takes about 20 MB. */
const MAX_CONFIG_BYTES = 4_000_000;
const MAX_TOKENIZER_BYTES = 32_000_000;

/** A checkpoint folder, read and checked; the weights themselves stay in their file. */
export interface Checkpoint {
  readonly folder: string;
  readonly config: CheckpointConfig;
  readonly tokenizer: Tokenizer;
  /** How the model wants its prompt. */
  readonly prompt: PromptFormat;
  /** Not a symbolic link: ONNX Runtime reads weights only if they lie in the folder that it is told. */
  readonly weightsFile: string;
  readonly tensors: Readonly<Record<string, TensorEntry>>;
  /** The calibration of its probabilities, if it was measured. */
  readonly calibration: Calibration | undefined;
}

/** The part of a checkpoint that an engine needs. */
export type EngineCheckpoint = Pick<Checkpoint, 'weightsFile' | 'tensors' | 'config'> & {
  readonly tokenizer: Pick<Tokenizer, 'tokenBytes'>;
};

/**
 * Open a folder that holds config.json, tokenizer.json and model.safetensors.
 * @throws {CheckpointError} naming the file, the fault and what to do
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const { configFile, configText } = await readConfig(folder);
  const parsed = parseConfig(configFile, configText);
  const { vocabularySize } = parsed.model;
  const { tokenizer, tokenizerFile } = await readTokenizerOf(folder, vocabularySize);
  const { matcoder } = parseObject(configFile, configText);
  const prompt =
    isObject(matcoder) && matcoder.prompt !== undefined
      ? parsePromptFormat(configFile, matcoder.prompt, vocabularySize)
      : ownFormat(tokenizerFile, (token) => tokenizer.idOf(token));
  const weightsName = join(folder, 'model.safetensors');
  const tensors = await readTensorEntries(weightsName);
  checkTensors(weightsName, parsed.model, tensors);
  const config = { ...parsed, model: { ...parsed.model, bytesPerWeight: bytesPerWeight(tensors) } };
  const calibration = await readCalibration(join(folder, CALIBRATION_FILE));
  return { folder, config, tokenizer, prompt, weightsFile: await realFile(weightsName), tensors, calibration };
}

const CHOOSE = 'Choose a folder that holds a checkpoint.';

/**
 * The config.json of a folder.
 * @throws {CheckpointError} if there is no such folder or file
 */
export async function readConfig(folder: string): Promise<{ configFile: string; configText: string }> {
  const entry = await stat(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unreadable(folder, error, CHOOSE);
    throw new CheckpointError(folder, 'there is no such folder', CHOOSE);
  });
  if (!entry.isDirectory()) {
    const remedy = /\.gguf$/i.test(folder) ? 'Import it first, and choose the folder that the import writes.' : CHOOSE;
    throw new CheckpointError(folder, 'it is a file, not a folder', remedy);
  }
  const configFile = join(folder, 'config.json');
  return { configFile, configText: await readText(configFile, MAX_CONFIG_BYTES) };
}

/**
 * The tokenizer.json of a folder.
 * @throws {CheckpointError} naming the fault
 */
export async function readTokenizerOf(folder: string, vocabularySize: number) {
  const tokenizerFile = join(folder, 'tokenizer.json');
  const json = parseObject(tokenizerFile, await readText(tokenizerFile, MAX_TOKENIZER_BYTES));
  return { tokenizer: new Tokenizer(tokenizerFile, json, vocabularySize), tokenizerFile };
}

/** A file without symbolic links. */
export async function realFile(file: string): Promise<string> {
  // On Windows some drives, and paths of more than 260 characters, have no real path that could be asked for.
  return realpath(file).catch(() => file);
}

async function readText(file: string, maxBytes: number): Promise<string> {
  try {
    if ((await regularFileBytes(file)) > maxBytes)
      throw new CheckpointError(file, `it is larger than ${maxBytes / 1e6} MB`);
    return await readFile(file, 'utf8');
  } catch (error) {
    throw error instanceof CheckpointError ? error : unreadable(file, error);
  }
}
