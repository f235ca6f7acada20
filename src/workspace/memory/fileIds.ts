import { fileKey, IGNORES_CASE } from '../fileKey';
import type { FileId } from './nearness';

/** With more, a file that was never met keeps the spelling that it comes with. The walk meets far fewer. */
const MAX_SPELLINGS = 100_000;

/**
 * One id for each file, however it is spelled: the first spelling that was met. The walk, the editor and the file system's
 * events may write the case of a name differently, and a file that is remembered twice would be quoted to itself.
 */
export class FileIds {
  private readonly ids = new Map<string, FileId>();

  /** @param ignoresCase of the file system; by default as this system does */
  constructor(private readonly ignoresCase = IGNORES_CASE) {}

  idOf(uri: string): FileId {
    if (!this.ignoresCase) return uri;
    const key = fileKey(uri, true);
    const known = this.ids.get(key);
    if (known !== undefined) return known;
    if (this.ids.size < MAX_SPELLINGS) this.ids.set(key, uri);
    return uri;
  }

  /** The id of a file that may never be met: no spelling is kept for it. */
  find(uri: string): FileId {
    return (this.ignoresCase ? this.ids.get(fileKey(uri, true)) : undefined) ?? uri;
  }
}
