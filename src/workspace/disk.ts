import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import type { Folder } from './filePolicy';

/** Elsewhere than on Windows, a backslash is a character of a name. */
export function slashed(path: string): string {
  return path.split(sep).join('/');
}

/**
 * A folder on the disk as a folder of the workspace.
 * @param excludes the setting files.exclude
 */
export function diskFolder(folder: string, excludes: () => Readonly<Record<string, unknown>> = () => ({})): Folder {
  const path = slashed(folder).replace(/\/$/, '');
  return {
    id: path,
    path,
    async read(file, maxBytes) {
      try {
        const entry = await stat(file);
        if (!entry.isFile()) return undefined;
        return entry.size > maxBytes ? 'too large' : await readFile(file);
      } catch {
        return undefined;
      }
    },
    exists: (file) =>
      stat(file).then(
        () => true,
        () => false,
      ),
    excludes,
  };
}

/** Files and folders in the order of their names, without links. None if the folder cannot be read. */
export async function entriesIn(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile() || entry.isDirectory()).sort((a, b) => (a.name < b.name ? -1 : 1));
}
