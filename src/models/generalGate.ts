import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SHIPPED } from '../matlm/checkpoint';
import { type MemoryGate, parseConfig } from '../matlm/config';

/**
 * The gate of the memory for a model whose own was not fitted yet: that of the model that ships. What it is told, lengths and
 * numbers of matches and certainties, means about the same for every model of code.
 * @param root the extension's folder
 * @returns undefined if no model ships
 * @throws {CheckpointError} if its config.json cannot be used
 */
export async function generalGate(root: string): Promise<MemoryGate | undefined> {
  const file = join(root, SHIPPED, 'config.json');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : parseConfig(file, text).gate;
}
