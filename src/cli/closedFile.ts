import { basename, dirname, resolve } from 'node:path';
import { english } from '../localisation/phrase';
import { diskFolder, slashed } from '../workspace/disk';
import { FilePolicy } from '../workspace/filePolicy';
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
  const reason = await policy.closed(slashed(full), {
    folder: diskFolder(dirname(full)),
    path: basename(full),
  });
  if (reason === undefined) return;
  throw new UsageError(
    [`${file}: MatCoder does not complete in it, because ${english(reason)}`, ...warnings].join('; '),
  );
}
