/** The URI of a file or folder, without a slash at its end. */
export type FileId = string;

/** The files that the user works with now. */
export interface Surroundings {
  /** The active file; undefined if there is none. */
  readonly active: FileId | undefined;
  /** Files that are open or were active, the most recent first. */
  readonly recent: readonly FileId[];
  /** Files that the active one imports, without extensions, as `importedFiles` gives them. */
  readonly imported: ReadonlySet<FileId>;
}

export const NO_SURROUNDINGS: Surroundings = { active: undefined, recent: [], imported: new Set() };

export function isSame(a: Surroundings, b: Surroundings): boolean {
  return (
    a.active === b.active &&
    a.recent.length === b.recent.length &&
    a.recent.every((file, i) => file === b.recent[i]) &&
    a.imported.size === b.imported.size &&
    [...a.imported].every((file) => b.imported.has(file))
  );
}

const IMPORTED = 100;
const OTHERS = 200;

/** Ranks files by their nearness to what the user works with; 0 is the nearest. */
export class Nearness {
  private readonly recent: ReadonlyMap<FileId, number>;
  private readonly activeFolder: FileId | undefined;
  /** The folders of the imported files: a file in another folder is not compared with them. */
  private readonly importedFolders: ReadonlySet<FileId>;
  /** By folder, because many files share one. */
  private readonly steps = new Map<FileId, number>();

  constructor(private readonly surroundings: Surroundings) {
    const { active, recent, imported } = surroundings;
    this.recent = new Map(recent.slice(0, IMPORTED).map((file, i) => [file, i]));
    this.activeFolder = active === undefined ? undefined : folderOf(active);
    this.importedFolders = new Set(Array.from(imported, folderOf));
  }

  /** Open and recent files come first, then imported ones, then all others by the steps between the folders. */
  rankOf(file: FileId): number {
    const recency = this.recent.get(file);
    if (recency !== undefined) return recency;
    const folder = folderOf(file);
    return this.isImported(file, folder) ? IMPORTED : this.rankIn(folder);
  }

  /** The rank of files in a folder that are neither recent nor imported. */
  rankIn(folder: FileId): number {
    const steps = this.steps.get(folder) ?? this.stepsTo(folder);
    this.steps.set(folder, steps);
    return OTHERS + steps;
  }

  /** A file that stands for its folder is imported by the folder's name. */
  private isImported(file: FileId, folder: FileId): boolean {
    const { imported } = this.surroundings;
    if (this.importedFolders.has(folder) && imported.has(withoutExtension(file))) return true;
    return imported.has(folder) && /\/(?:index|__init__|mod)$/.test(withoutExtension(file));
  }

  private stepsTo(folder: FileId): number {
    return this.activeFolder === undefined ? depthOf(folder) : stepsBetween(this.activeFolder, folder);
  }
}

export function folderOf(file: FileId): FileId {
  return file.slice(0, Math.max(0, file.lastIndexOf('/')));
}

export function withoutExtension(file: FileId): FileId {
  return file.replace(/(?<=[^/])\.[^./]+$/, '');
}

/** Steps up to the common folder and down again. */
function stepsBetween(a: FileId, b: FileId): number {
  let common = 0;
  for (let i = 0; i <= a.length && i <= b.length; i++) {
    const [inA, inB] = [a.charAt(i), b.charAt(i)];
    const isBoundary = (inA === '/' || inA === '') && (inB === '/' || inB === '');
    if (isBoundary) common = i;
    if (inA !== inB) break;
  }
  return depthOf(a.slice(common)) + depthOf(b.slice(common));
}

function depthOf(path: string): number {
  let depth = 0;
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) depth++;
  return depth;
}
