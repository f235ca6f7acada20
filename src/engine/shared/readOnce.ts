import { open } from 'node:fs/promises';

/** Smaller files are read from any disk within a moment. */
const LARGE_BYTES = 200e6;
const PIECE_BYTES = 4 << 20;

/**
 * Read a large file once, so that the system has it in memory. Loading weights blocks the process, and otherwise all windows
 * would wait for a slow disk. Whoever loads the file reports what is wrong with it.
 * @param onPiece is called after each piece
 * @returns the bytes that were read
 */
export async function readOnce(
  file: string,
  onPiece: () => void = () => undefined,
  largeBytes = LARGE_BYTES,
): Promise<number> {
  let total = 0;
  const handle = await open(file).catch(() => undefined);
  try {
    if (!handle || (await handle.stat()).size < largeBytes) return total;
    const piece = Buffer.alloc(PIECE_BYTES);
    for (let read = -1; read !== 0; total += read) {
      read = (await handle.read(piece, 0, PIECE_BYTES)).bytesRead;
      onPiece();
    }
  } catch {
    return total;
  } finally {
    await handle?.close().catch(() => undefined);
  }
  return total;
}
