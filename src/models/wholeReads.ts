/** Reads and writes of a length that is known before, which the system may split. */
import type { FileHandle } from 'node:fs/promises';
import { ImportError } from './importError';

/** Fill a buffer with the bytes from `from` on. @throws {ImportError} if the file ends before */
export async function readAll(file: string, handle: FileHandle, into: Buffer, from: number): Promise<void> {
  for (let filled = 0; filled < into.length; ) {
    const { bytesRead } = await handle.read(into, filled, into.length - filled, from + filled);
    if (bytesRead === 0) throw new ImportError(file, 'it became shorter while it was read');
    filled += bytesRead;
  }
}

export async function writeAll(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let written = 0; written < bytes.length; )
    written += (await handle.write(bytes, written, bytes.length - written, at + written)).bytesWritten;
}
