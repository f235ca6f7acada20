import { join } from 'node:path';
import { type Checkpoint, openCheckpoint } from '../../src/matlm/checkpoint';

export const ROOT = join(__dirname, '..', '..');
export const MODEL = join(ROOT, 'models', 'matlm-6m');

let opened: Promise<Checkpoint> | undefined;

/** The shipped checkpoint, opened once. */
export function shipped(): Promise<Checkpoint> {
  return (opened ??= openCheckpoint(MODEL));
}
