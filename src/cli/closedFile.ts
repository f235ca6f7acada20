import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { FilePolicy, type Folder } from '../workspace/filePolicy';
import { UsageError } from './place';

/**
 * Refuse a file in which the editor would do nothing: one that a .matcoderignore lists, from the file's folder up to the
 * root of its repository, or one whose name says that it holds secrets.
 * @throws {UsageError}
 */
export async function checkOpen(file: string): Promise<void> {
  const warnings: string[] = [];
  const policy = new FilePolicy((message) => warnings.push(message));
  const full = resolve(file);
  const reason = await policy.closed(full.replaceAll('\\', '/'), {
    folder: folderOf(dirname(full)),
    path: basename(full),
  });
  if (reason === undefined) return;
  throw new UsageError([`${file}: MatCoder does not complete in it, because ${reason}`, ...warnings].join('; '));
}

/** A folder as a folder of the workspace. */
export function folderOf(folder: string): Folder {
  const path = folder.replaceAll('\\', '/').replace(/\/$/, '');
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
    excludes: () => ({}),
  };
}
