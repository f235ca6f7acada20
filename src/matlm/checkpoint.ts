import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Calibration, CALIBRATION_FILE, readCalibration } from './calibration';
import { type CheckpointConfig, parseConfig, parseObject } from './config';
import { CheckpointError } from './errors';
import { readTensorEntries, type TensorEntry } from './safetensors';
import { Tokenizer } from './tokenizer';

/** The folder of the checkpoint that ships, from the extension's own on. */
export const SHIPPED = join('models', 'matlm-46m');

/** A checkpoint folder, read and checked; the weights themselves stay in their file. */
export interface Checkpoint {
  readonly folder: string;
  readonly config: CheckpointConfig;
  readonly tokenizer: Tokenizer;
  readonly weightsFile: string;
  readonly tensors: Readonly<Record<string, TensorEntry>>;
  /** How far its probabilities are to be trusted, where that was measured. */
  readonly calibration: Calibration | undefined;
}

/** What an engine needs of a checkpoint. */
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
  const config = parseConfig(configFile, await readText(configFile));
  const tokenizerFile = join(folder, 'tokenizer.json');
  const tokenizer = new Tokenizer(tokenizerFile, parseObject(tokenizerFile, await readText(tokenizerFile)));
  const { vocabularySize } = config.model;
  if (tokenizer.tokenBytes.length !== vocabularySize) {
    throw new CheckpointError(
      tokenizerFile,
      `it has ${tokenizer.tokenBytes.length} tokens where config.json says ${vocabularySize}`,
    );
  }
  const weightsFile = join(folder, 'model.safetensors');
  const tensors = await readTensorEntries(weightsFile);
  const calibration = await readCalibration(join(folder, CALIBRATION_FILE));
  return { folder, config, tokenizer, weightsFile, tensors, calibration };
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    const code = (error as NodeJS.ErrnoException).code;
    throw new CheckpointError(file, code === 'ENOENT' ? 'it does not exist' : `it cannot be read (${String(code)})`);
  });
}
