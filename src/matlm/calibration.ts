import { readFile, stat } from 'node:fs/promises';
import { isObject } from './json';
import { CheckpointError } from './errors';
import { regularFileBytes } from './regularFile';
import { unreadable } from './systemFault';

/**
 * Maps a checkpoint's probabilities to the chance of being right: weights of a logistic function, the same for all its
 * submodels. They are valid only for the checkpoint that they were measured on, so they are stored next to it.
 */
export interface Calibration {
  /** Names of the features, in the order of the weights. */
  readonly features: readonly string[];
  readonly weights: readonly number[];
}

export const CALIBRATION_FILE = 'confidence.json';
const REMEDY = 'Recreate it with `matcoder eval --heldout FILE --packages --calibrate`, or remove it.';

/**
 * @returns undefined if the checkpoint has none
 * @throws {CheckpointError} if it cannot be used
 */
export async function readCalibration(file: string): Promise<Calibration | undefined> {
  const exists = await stat(file).then(
    () => true,
    (error: unknown) => (error as NodeJS.ErrnoException).code !== 'ENOENT',
  );
  if (!exists) return undefined;
  await regularFileBytes(file, REMEDY);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error, REMEDY);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new CheckpointError(file, 'it is not JSON', REMEDY);
  }
  const { features, weights } = isObject(json) ? json : {};
  const isComplete =
    Array.isArray(features) &&
    features.every((feature) => typeof feature === 'string') &&
    Array.isArray(weights) &&
    weights.length === features.length &&
    weights.every(Number.isFinite);
  if (!isComplete) throw new CheckpointError(file, 'it does not give a number for every feature', REMEDY);
  return { features, weights: weights as number[] };
}
