/** The folders in which imports are written, next to the folder that one becomes at its end. */
import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { PARTIAL } from './modelIds';

/** Imports of earlier versions had no name of their own. */
const ENDING = /(\.[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12})?\.partial$/;

/** A name that no other import has: one that has lost its lock, because it stood still for long, may go on at any time. */
export function partialOf(folder: string): string {
  return `${folder}.${randomUUID()}${PARTIAL}`;
}

/** The name of the folder that a partial one would become; undefined if it is no partial one. */
export function wholeOf(name: string): string | undefined {
  const whole = name.replace(ENDING, '');
  return whole === name ? undefined : whole;
}

/** The partial folders of all imports into a folder. Only the holder of its lock may remove them. */
export async function partialsOf(folder: string): Promise<string[]> {
  const names = await readdir(dirname(folder)).catch(() => []);
  const whole = sameCase(basename(folder));
  const isOf = (name: string) => sameCase(wholeOf(name) ?? '') === whole;
  return names.filter(isOf).map((name) => join(dirname(folder), name));
}

/** On these systems, names of files that differ by case alone are mostly the same. */
function sameCase(name: string): string {
  return process.platform === 'win32' || process.platform === 'darwin' ? name.toLowerCase() : name;
}
