import { stat } from 'node:fs/promises';
import { CheckpointError } from './errors';
import { unreadable } from './systemFault';

/**
 * The size of a file in bytes, symbolic links resolved. Call it before the file is opened, because opening a pipe waits for
 * a writer, and reading a device may never end.
 * @throws {CheckpointError} if there is no regular file of that name
 */
export async function regularFileBytes(file: string, remedy?: string): Promise<number> {
  const entry = await stat(file).catch((error: unknown) => {
    throw unreadable(file, error, remedy);
  });
  if (entry.isDirectory()) throw new CheckpointError(file, 'it is a folder, not a file', remedy);
  if (!entry.isFile()) throw new CheckpointError(file, 'it is not a regular file', remedy);
  return entry.size;
}
