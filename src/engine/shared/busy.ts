/**
 * A process that loads weights answers no greeting meanwhile. A file next to its socket says until when, so that no window takes it for
 * one that hangs, and starts another with the same models in memory.
 */
import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { type Address, busyFileOf } from './address';

/** Clocks of processes and files differ by less. */
const CLOCK_MS = 1000;

/** Says that this process answers nothing for a time. Never throws: without the file, windows wait as long as usual. */
export function showBusy(address: Address, limitMs: number): void {
  const file = busyFileOf(address);
  const until = new Date(Date.now() + limitMs);
  try {
    writeFileSync(file, String(limitMs), { mode: 0o600 });
    utimesSync(file, until, until);
  } catch {
    // A full disk, for example.
  }
}

/** Says that the process which has the socket answers again, or is another one. Never throws. */
export function clearBusy(address: Address): void {
  try {
    rmSync(busyFileOf(address), { force: true });
  } catch {
    // Its time passes.
  }
}

/** For how long the process that has the socket may answer nothing yet; 0 if it should. */
export function busyForMs(address: Address): number {
  const file = busyFileOf(address);
  try {
    const leftMs = statSync(file).mtimeMs - Date.now();
    // More than it announced is left only if the clock was set back.
    return leftMs > 0 && leftMs <= Number(readFileSync(file, 'utf8')) + CLOCK_MS ? leftMs : 0;
  } catch {
    return 0;
  }
}
