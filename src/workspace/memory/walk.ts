import { type FileId, folderOf, type Nearness } from './nearness';

export interface FolderEntry {
  readonly id: FileId;
  readonly isFolder: boolean;
}

/** The folders of the workspace. */
export interface Folders {
  /** Files and folders in a folder, without symbolic links, which may lead outside or in circles. Empty if it is unreadable. */
  list(folder: FileId): Promise<readonly FolderEntry[]>;
  /** Whether no file below the folder may be quoted. */
  ignores(folder: FileId): Promise<boolean>;
}

/** The most files that are considered. Of a larger workspace, the nearest are. */
export const MAX_FILES = 20_000;
/** Bounds a walk through folders without files. */
const MAX_FOLDERS = 20_000;
/** Bounds a walk through a loop that the file system does not report. */
const MAX_DEPTH = 64;

/** Folders of tools, and of code that others wrote: VS Code hides them, or leaves them out of searches. */
export const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['.git', '.hg', '.svn', 'node_modules']);

/** Walks through the folders of the workspace, the nearest first. */
export class Walk {
  /** Folders to visit, by rank. */
  private readonly ahead: (FileId[] | undefined)[] = [];
  /** Folders that were visited, or are ahead. */
  private readonly met = new Set<FileId>();
  private readonly visited = new Set<FileId>();
  private existing: Set<FileId> | undefined = new Set();
  private isCut = false;

  /**
   * @param roots the workspace's folders
   * @param start the folder to begin in, with those above it; undefined for the roots
   */
  constructor(
    private readonly folders: Folders,
    private readonly nearness: Nearness,
    private readonly roots: readonly FileId[],
    start: FileId | undefined,
  ) {
    for (const root of roots) this.meet(root);
    const root = roots.find((folder) => start !== undefined && isBelow(start, folder));
    for (let folder = start; root !== undefined && folder !== undefined && folder !== root; folder = folderOf(folder)) {
      this.meet(folder);
    }
  }

  /** The rank of the files that come next; infinite if there are none. */
  get rank(): number {
    const rank = this.ahead.findIndex((folders) => folders !== undefined && folders.length > 0);
    return rank < 0 ? Infinity : rank;
  }

  /** Whether there are more files than are considered. */
  get isTruncated(): boolean {
    return this.isCut;
  }

  /** A file exists that it may have missed. */
  found(file: FileId): void {
    this.existing?.add(file);
  }

  /** At the end of the walk, once, all files that it has found. */
  takeAll(): ReadonlySet<FileId> | undefined {
    if (this.rank < Infinity) return undefined;
    const all = this.existing;
    this.existing = undefined;
    return all;
  }

  /** Whether a file is in a folder of the workspace that it has not visited. */
  hasMissed(file: FileId): boolean {
    return this.isPartial && !this.visited.has(folderOf(file)) && this.roots.some((root) => isBelow(file, root));
  }

  /** Whether a file is in a folder of the workspace that is skipped. */
  skips(file: FileId): boolean {
    const root = this.roots.find((folder) => isBelow(file, folder)) ?? file;
    return file
      .slice(root.length)
      .split('/')
      .some((name) => SKIPPED_FOLDERS.has(name));
  }

  /** Visit a folder when its turn comes. */
  meet(folder: FileId): void {
    if (this.met.has(folder) || this.isCut || folder.split('/').length > MAX_DEPTH) return;
    if (this.met.size >= MAX_FOLDERS) {
      this.isCut = true;
      return;
    }
    this.met.add(folder);
    const rank = this.nearness.rankIn(folder);
    (this.ahead[rank] ??= []).push(folder);
  }

  /** Visit a folder that came into being, perhaps again. */
  revisit(folder: FileId): void {
    for (const met of this.met) if (met === folder || isBelow(met, folder)) this.met.delete(met);
    this.meet(folder);
  }

  /**
   * Visit the next folder.
   * @param known how many files are considered already, for folders that came into being after the walk
   * @returns its files
   */
  async next(known: number): Promise<FileId[]> {
    const folder = this.ahead[this.rank]?.shift();
    if (folder === undefined) return [];
    this.visited.add(folder);
    if (!this.roots.some((root) => folder === root || isBelow(folder, root))) return [];
    if (await this.folders.ignores(folder)) return [];
    const entries = await this.folders.list(folder);
    const files = entries.filter(({ isFolder }) => !isFolder).map(({ id }) => id);
    for (const { id, isFolder } of entries) if (isFolder && !SKIPPED_FOLDERS.has(nameOf(id))) this.meet(id);
    const room = Math.max(0, MAX_FILES - (this.existing?.size ?? known));
    const taken = files.slice(0, room);
    for (const file of taken) this.found(file);
    if (taken.length < files.length || (taken.length === room && this.rank < Infinity)) {
      this.isCut = true;
      this.ahead.length = 0;
    }
    return taken;
  }

  /** Whether there are folders that it has not visited, or never will. */
  private get isPartial(): boolean {
    return this.isCut || this.existing !== undefined;
  }
}

function nameOf(folder: FileId): string {
  return folder.slice(folder.lastIndexOf('/') + 1);
}

export function isBelow(file: FileId, folder: FileId): boolean {
  return file.startsWith(`${folder}/`);
}
