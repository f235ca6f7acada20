import { freemem, platform, totalmem } from 'node:os';

/** The memory of the machine, in bytes. */
export interface MachineMemory {
  readonly totalBytes: number;
  /** That programs may still take without pushing others out. */
  readonly freeBytes: number;
}

/** macOS keeps files in nearly all of its memory and does not count that as free; so much of it can be had at any time. */
const MACOS_FREE_SHARE = 0.25;

export function readMemory(): MachineMemory {
  const totalBytes = totalmem();
  const atLeast = platform() === 'darwin' ? MACOS_FREE_SHARE * totalBytes : 0;
  return { totalBytes, freeBytes: Math.max(atLeast, freemem()) };
}
