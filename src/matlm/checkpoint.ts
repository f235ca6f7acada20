import { readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Calibration, CALIBRATION_FILE, readCalibration } from './calibration';
import { type CheckpointConfig, parseConfig, parseObject } from './config';
import { CheckpointError } from './errors';
import { regularFileBytes } from './regularFile';
import { readTensorEntries, type TensorEntry } from './safetensors';
import { checkTensors } from './tensors';
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
  const isFolder = await stat(folder).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (!isFolder) {
    throw new CheckpointError(folder, 'there is no such folder', 'Choose a folder that holds a checkpoint.');
  }
  const configFile = join(folder, 'config.json');
  const config = parseConfig(configFile, await readText(configFile, MAX_CONFIG_BYTES));
  const tokenizerFile = join(folder, 'tokenizer.json');
  const tokenizerText = await readText(tokenizerFile, MAX_TOKENIZER_BYTES);
  const tokenizer = new Tokenizer(tokenizerFile, parseObject(tokenizerFile, tokenizerText));
  const { vocabularySize } = config.model;
  if (tokenizer.tokenBytes.length !== vocabularySize) {
    throw new CheckpointError(
      tokenizerFile,
      `it has ${tokenizer.tokenBytes.length} tokens, but config.json says ${vocabularySize}`,
    );
  }
  const weightsName = join(folder, 'model.safetensors');
  const tensors = await readTensorEntries(weightsName);
  checkTensors(weightsName, config.model, tensors);
  const calibration = await readCalibration(join(folder, CALIBRATION_FILE));
  return { folder, config, tokenizer, weightsFile: await realpath(weightsName), tensors, calibration };
}

async function readText(file: string, maxBytes: number): Promise<string> {
  try {
    if ((await regularFileBytes(file)) > maxBytes) throw new CheckpointError(file, `it is larger than ${maxBytes / 1e6} MB`);
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new CheckpointError(file, code === 'ENOENT' ? 'it does not exist' : `it cannot be read (${String(code)})`);
  }
}
