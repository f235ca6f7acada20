import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkpoint, openCheckpoint } from '../../src/matlm/checkpoint';
import { type CheckpointConfig, parseConfig } from '../../src/matlm/config';

export const ROOT = join(__dirname, '..', '..');
export const MODEL = join(ROOT, 'models', 'matlm-6m');

let opened: Promise<Checkpoint> | undefined;

/** The shipped checkpoint, opened once. */
export function shipped(): Promise<Checkpoint> {
  return (opened ??= openCheckpoint(MODEL));
}

/** The config.json of a checkpoint that no training changes: what tests say of single rows is said of this one. */
export const EXAMPLE = readFileSync(join(__dirname, 'fixtures', 'config.json'), 'utf8');

export function exampleConfig(): CheckpointConfig {
  return parseConfig('config.json', EXAMPLE);
}
