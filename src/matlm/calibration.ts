import { readFile } from 'node:fs/promises';
import { CheckpointError } from './errors';
import { isObject } from './config';

/**
 * How often a checkpoint is right where it claims a probability: weights of a logistic function, the same for all its
 * submodels. It belongs to the weights that it was measured on, so it lies beside them.
 */
export interface Calibration {
  /** What the weights are of, in their order. */
  readonly features: readonly string[];
  readonly weights: readonly number[];
}

export const CALIBRATION_FILE = 'confidence.json';
const REMEDY = 'Make it anew with `matcoder eval --heldout FILE --calibrate`, or remove it.';

/**
 * @returns undefined where the checkpoint has none
 * @throws {CheckpointError} where it cannot be used
 */
export async function readCalibration(file: string): Promise<Calibration | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CheckpointError(file, `it cannot be read (${(error as Error).message})`, REMEDY);
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
    Array.isArray(weights) &&
    weights.length === features.length &&
    weights.every(Number.isFinite);
  if (!isComplete) throw new CheckpointError(file, 'it does not give a number for every feature', REMEDY);
  return { features: features as string[], weights: weights as number[] };
}
