import { entriesIn } from '../workspace/disk';
import type { FilePolicy, Folder } from '../workspace/filePolicy';
import { Nearness, NO_SURROUNDINGS, type Surroundings } from '../workspace/memory/nearness';
import { type FolderEntry, Walk } from '../workspace/memory/walk';
import type { Source } from './source';

export interface FileQueueParts {
  /** The workspace folder. */
  readonly folder: Folder;
  readonly policy: Pick<FilePolicy, 'ignoresFolder'>;
  readonly source: Pick<Source<unknown, unknown>, 'wants' | 'others'>;
}

/**
 * The files of one workspace folder that wait for something, by their paths from the folder, the nearest to what the user works with
 * first: folders to be listed, files to be read, and files to be embedded.
 */
export class FileQueue {
  private walk: Walk;
  private nearness = new Nearness(NO_SURROUNDINGS);
  /** Files to read that have changed, and those that the walk has found. */
  private readonly changes = new Set<string>();
  private ahead: string[] = [];
  private unembedded: string[] = [];
  private others: Promise<readonly string[]> | undefined;
  private foundCount = 0;

  constructor(private readonly parts: FileQueueParts) {
    this.walk = this.newWalk();
  }

  /** Files that the walk has found. */
  get found(): number {
    return this.foundCount;
  }

  /** Files that wait to be read. */
  get unread(): number {
    return this.changes.size + this.ahead.length;
  }

  /** Files that wait to be read or embedded. */
  get waiting(): number {
    return this.unread + this.unembedded.length;
  }

  /** Whether there are more files than are considered. */
  get isTruncated(): boolean {
    return this.walk.isTruncated;
  }

  /** Whether all files were listed, and read once. */
  get isWalked(): boolean {
    return this.walk.rank === Infinity && this.ahead.length === 0 && this.others !== undefined;
  }

  /** Whether all files were listed and read. */
  get isRead(): boolean {
    return this.isWalked && this.changes.size === 0;
  }

  /** The user works with these files: they come first. */
  setSurroundings(surroundings: Surroundings): void {
    this.nearness = new Nearness(surroundings);
    const { path: root } = this.parts.folder;
    const rankOf = (path: string) => this.nearness.rankOf(`${root}/${path}`);
    for (const queue of [this.ahead, this.unembedded]) {
      const ranks = new Map(queue.map((path) => [path, rankOf(path)]));
      queue.sort((a, b) => (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0));
    }
    if (!this.isWalked) for (const file of surroundings.recent) this.changed(file);
  }

  /** A file has changed or come into being, or a folder. @param path absolute, with forward slashes */
  changed(path: string): void {
    const inside = this.inside(path);
    if (inside !== undefined && !this.walk.skips(path)) this.changes.add(inside);
  }

  /** Read a file once more. */
  readAgain(path: string): void {
    this.changes.add(path);
  }

  /** A path is a folder: list it. */
  list(path: string): void {
    this.walk.revisit(`${this.parts.folder.path}/${path}`);
  }

  /** A file is read now, or has gone. */
  settle(path: string): void {
    this.changes.delete(path);
  }

  embedLater(path: string): void {
    this.unembedded.push(path);
  }

  /** The next files to be read; changed ones are read although their size and time are those of before. */
  nextToRead(count: number): { readonly path: string; readonly isChanged: boolean }[] {
    const changed = [...this.changes].slice(0, count).map((path) => ({ path, isChanged: true }));
    if (changed.length > 0) return changed;
    return this.ahead.splice(0, count).map((path) => ({ path, isChanged: false }));
  }

  nextToEmbed(): string | undefined {
    return this.unembedded.shift();
  }

  /** List all files again. */
  again(): void {
    this.walk = this.newWalk();
    this.ahead = [];
    this.others = undefined;
    this.foundCount = 0;
  }

  /**
   * List one more folder.
   * @returns whether there was any, and at the end of the walk a test whether it has found a file
   */
  async listNext(): Promise<{ readonly isListed: boolean; readonly hasFound?: (path: string) => boolean }> {
    if (this.isWalked) return { isListed: false };
    const { walk } = this;
    const { source, folder } = this.parts;
    if (walk.rank < Infinity) {
      const files = await walk.next(this.foundCount);
      if (walk === this.walk) this.meet(files.flatMap((file) => this.inside(file) ?? []));
      return { isListed: true };
    }
    this.others = source.others(folder.path);
    const others = await this.others.catch(() => []);
    if (walk !== this.walk) return { isListed: true };
    this.meet(others);
    const all = walk.takeAll();
    if (!all) return { isListed: true };
    const kept = new Set(others);
    return { isListed: true, hasFound: (path) => kept.has(path) || all.has(`${folder.path}/${path}`) };
  }

  /** The path from the folder; undefined if it is elsewhere. */
  inside(path: string): string | undefined {
    const { path: root } = this.parts.folder;
    return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : undefined;
  }

  private meet(paths: readonly string[]): void {
    const wanted = paths.filter((path) => this.parts.source.wants(path));
    this.foundCount += wanted.length;
    this.ahead.push(...wanted);
  }

  private newWalk(): Walk {
    const { folder, policy } = this.parts;
    const root = folder.path;
    return new Walk(
      {
        list: async (path): Promise<FolderEntry[]> =>
          (await entriesIn(path)).map((entry) => ({ id: `${path}/${entry.name}`, isFolder: entry.isDirectory() })),
        ignores: (path) => policy.ignoresFolder(folder, path.slice(root.length + 1)),
      },
      this.nearness,
      [root],
      undefined,
    );
  }
}
