import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkpoint, openCheckpoint, SHIPPED } from '../../src/matlm/checkpoint';
import { type CheckpointConfig, parseConfig } from '../../src/matlm/config';

export const ROOT = join(__dirname, '..', '..');
/** A checkpoint that loads in a moment, and whose tokens the fixtures spell out. */
export const MODEL = join(ROOT, 'models', 'matlm-6m');

const opened: { small?: Promise<Checkpoint>; shipped?: Promise<Checkpoint> } = {};

export function small(): Promise<Checkpoint> {
  return (opened.small ??= openCheckpoint(MODEL));
}

/** What users get. */
export function shipped(): Promise<Checkpoint> {
  return (opened.shipped ??= openCheckpoint(join(ROOT, SHIPPED)));
}

/** The config.json of a checkpoint that no training changes: what tests say of single rows is said of this one. */
export const EXAMPLE = readFileSync(join(__dirname, 'fixtures', 'config.json'), 'utf8');

export function exampleConfig(): CheckpointConfig {
  return parseConfig('config.json', EXAMPLE);
}
