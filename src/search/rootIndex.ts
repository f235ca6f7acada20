import { lstat, stat } from 'node:fs/promises';
import { writeFault } from '../matlm/systemFault';
import type { FilePolicy, Folder } from '../workspace/filePolicy';
import type { Surroundings } from '../workspace/memory/nearness';
import type { Embedder, VectorIndex } from './embedder';
import { FileQueue } from './fileQueue';
import type { Piece, Source } from './source';
import { readStore, type StoreIdentity, writeStore } from './store';
import { Table, type TableHit, type TableQuery } from './table';
import { TERMS_VERSION } from './words/terms';

export interface RootIndexParts<Row, Content> {
  /** The workspace folder. */
  readonly folder: Folder;
  readonly policy: Pick<FilePolicy, 'ignoresFolder'>;
  readonly source: Source<Row, Content>;
  readonly embedder: Embedder<Content>;
  readonly vectors: () => VectorIndex;
  /** Where the index is stored. */
  readonly file: string;
  /** The most rows. */
  readonly maxRows: number;
  /** The weight of the embedding in a search by words and vector, 0 to 1. */
  readonly meaningWeight: number;
  /** For the log. */
  readonly say: (line: string) => void;
}

interface Pending<Row, Content> extends Piece<Row, Content> {
  readonly path: string;
}

export interface IndexProgress {
  /** Found by their words; by meaning too, as far as it is possible; and all that are known of. */
  readonly filesRead: number;
  readonly filesDone: number;
  readonly filesFound: number;
  /** Whether all files are known of, and were read. */
  readonly isWalked: boolean;
  /** Embedded rows. */
  readonly rows: number;
  readonly bytes: number;
  readonly isTruncated: boolean;
  /** Something that the user should know, and that does not stop the work: why the index is not stored, for example. */
  readonly notice?: string;
}

/** So many files are read together: while one is taken apart, the disk is asked for the others. More would make a key wait. */
const READ_AT_ONCE = 4;
/** So many pieces are embedded together: fewer are slower, and more are lost if a key interrupts them. */
export const BATCH = 8;
/** The index is stored after so many new rows or, if it is large, this share of its rows, and at the end: to store it takes as long as it is large. */
const SAVE_ROWS = 2000;
const SAVE_SHARE = 1 / 16;
/** Files among the hits that have changed are taken apart again; what changes all the time is left out. */
const MAX_LOOKS = 2;

/**
 * The index of one workspace folder and one kind of pieces. It does a step at a time, whenever its owner lets it: all files are read for
 * their words, and then embedded.
 */
export class RootIndex<Row, Content> {
  private table: Table<Row>;
  private readonly queue: FileQueue;
  private pending: Pending<Row, Content>[] = [];
  private isCut = false;
  /** Grows with each change of rules. */
  private rules = 0;
  /** Rows that are not stored yet, removed ones included, and those of them that could not be when it was tried last. */
  private unsaved = 0;
  private unsavable = 0;
  /** Why it was not stored, and why pieces were left out. */
  private storeFault: string | undefined;
  private embedFault: string | undefined;
  private embeddedCount = 0;
  /** When the file was stored that was read or written last. */
  private storedMs = -1;
  private saving: Promise<void> = Promise.resolve();

  constructor(private readonly parts: RootIndexParts<Row, Content>) {
    this.table = new Table(parts.vectors());
    this.queue = new FileQueue(parts);
  }

  get progress(): IndexProgress {
    const { found, unread, waiting, isWalked, isTruncated } = this.queue;
    const notice = this.storeFault ?? this.embedFault;
    return {
      filesRead: Math.max(0, found - unread),
      filesDone: Math.max(0, found - waiting - new Set(this.pending.map(({ path }) => path)).size),
      filesFound: found,
      isWalked,
      rows: this.table.embedded,
      bytes: this.table.bytes,
      isTruncated: this.isCut || isTruncated,
      ...(notice === undefined ? {} : { notice }),
    };
  }

  /** Pieces that were embedded and not read from the disk. */
  get embedded(): number {
    return this.embeddedCount;
  }

  /** Whether every file is found by its words. */
  get isRead(): boolean {
    return this.queue.isRead;
  }

  /** Whether every file is in the index. */
  get isComplete(): boolean {
    return this.queue.isRead && this.queue.waiting === 0 && this.pending.length === 0;
  }

  hasFile(path: string): boolean {
    return this.table.stampOf(path) !== undefined;
  }

  /** Read what is stored, if it is newer than what was read before. A file that is no index of this encoder is left aside. */
  async load(): Promise<'loaded' | 'unchanged' | 'missing' | 'another encoder or version' | 'damaged'> {
    const { file, source, vectors } = this.parts;
    const entry = await stat(file).catch(() => undefined);
    if (entry?.mtimeMs === this.storedMs) return 'unchanged';
    const stored = await readStore(file, this.identity, (value): value is Row => source.isRow(value));
    if (!('image' in stored)) return stored.reason;
    const table = new Table<Row>(vectors());
    try {
      table.restore(stored.image);
    } catch {
      return 'damaged'; // the addon refuses a value that no vector has
    }
    this.table = table;
    this.storedMs = entry?.mtimeMs ?? -1;
    this.pending = [];
    return 'loaded';
  }

  /** The user works with these files: they come first. */
  setSurroundings(surroundings: Surroundings): void {
    this.queue.setSurroundings(surroundings);
  }

  /** A file has changed or come into being, or a folder. @param path absolute, with forward slashes */
  changed(path: string): void {
    this.queue.changed(path);
  }

  /** A file has gone, or a folder with all its files. @param path absolute, with forward slashes */
  deleted(path: string): void {
    const inside = this.queue.inside(path);
    if (inside === undefined) return;
    this.drop(inside);
    for (const known of [...this.table.paths]) if (known.startsWith(`${inside}/`)) this.drop(known);
  }

  /** The rules have changed: what may no longer be embedded is forgotten before this returns, also on the disk. */
  async rulesChanged(): Promise<void> {
    const rules = ++this.rules;
    const { source } = this.parts;
    let isLess = false;
    for (const path of [...this.table.paths]) {
      const may = await source.mayEmbed(this.fileOf(path)).catch(() => false);
      if (rules !== this.rules) return; // the later change checks them all
      if (!may) isLess = this.forbid(path) || isLess;
    }
    this.pending = this.pending.filter(({ path }) => this.table.stampOf(path) !== undefined);
    this.queue.again();
    if (isLess) await this.save();
  }

  /**
   * List a folder or read some files, so that they are found by their words.
   * @returns whether there was anything
   */
  async readNext(): Promise<boolean> {
    const next = this.queue.nextToRead(READ_AT_ONCE);
    if (next.length > 0) await Promise.all(next.map(({ path, isChanged }) => this.look(path, isChanged)));
    else if (!(await this.listNext())) return false;
    await this.saveSome();
    return true;
  }

  /**
   * Embed some pieces.
   * @returns whether there were any
   * @throws the signal's reason if it was aborted; nothing is lost but the piece in hand
   */
  async embedNext(signal: AbortSignal): Promise<boolean> {
    while (this.pending.length < BATCH) {
      signal.throwIfAborted();
      const path = this.queue.nextToEmbed();
      if (path === undefined) break;
      // Its pieces were not kept: those of a large workspace would fill the memory.
      if (!this.table.isWhole(path)) await this.look(path, true, true);
    }
    if (this.pending.length === 0) return false;
    await this.embed(signal);
    await this.saveSome();
    return true;
  }

  /** Nothing has happened for a while: drop what no file has any more, and store the index if it is another. */
  async settle(): Promise<void> {
    this.table.sweep();
    if (this.unsaved > 0) await this.save();
  }

  /** The best pieces for a query, best first. Each is of a file that is there, in this state, and allowed. */
  async search(query: TableQuery, count: number): Promise<TableHit<Row>[]> {
    for (let looks = 0; ; looks++) {
      const hits = await this.table.search(query, count, this.parts.meaningWeight);
      const paths = [...new Set(hits.map(({ path }) => path))];
      const checked = await Promise.all(paths.map(async (path) => ({ path, isSound: await this.isSound(path) })));
      const stale = new Set(checked.filter(({ isSound }) => !isSound).map(({ path }) => path));
      if (stale.size === 0) return hits;
      if (looks === MAX_LOOKS) return hits.filter(({ path }) => !stale.has(path));
      for (const path of stale) await this.look(path);
    }
  }

  /** Store the index. Never rejects: a full disk is a notice, and the next time that the index rests it is tried again. */
  save(): Promise<void> {
    this.saving = this.saving.then(async () => {
      const { file, say } = this.parts;
      const { unsaved } = this;
      try {
        await writeStore(file, this.identity, this.table.image());
        this.storedMs = (await stat(file)).mtimeMs;
        this.unsaved -= unsaved;
        this.unsavable = 0;
        this.storeFault = undefined;
      } catch (error) {
        this.unsavable = unsaved;
        this.storeFault = `${file}: ${writeFault(error).fault}; the search goes on, and what is not stored is built again after the next start`;
        say(this.storeFault);
      }
    });
    return this.saving;
  }

  private get identity(): StoreIdentity {
    const { source, embedder } = this.parts;
    const { kind, version } = source;
    return { kind, version, terms: TERMS_VERSION, encoder: embedder.identity, dimensions: embedder.dimensions };
  }

  private async listNext(): Promise<boolean> {
    const { isListed, hasFound } = await this.queue.listNext();
    if (hasFound) for (const path of [...this.table.paths]) if (!hasFound(path)) this.drop(path);
    return isListed;
  }

  private async saveSome(): Promise<void> {
    if (this.unsaved - this.unsavable >= Math.max(SAVE_ROWS, SAVE_SHARE * this.table.size)) await this.save();
  }

  /**
   * Take a file apart.
   * @param isChanged whether it is read although its size and time are those of before
   * @param isToEmbed whether what is not embedded yet is kept for that now; otherwise it waits for its turn
   */
  private async look(path: string, isChanged = false, isToEmbed = false): Promise<void> {
    this.queue.settle(path);
    const { source, maxRows } = this.parts;
    const { rules } = this;
    const stamp = await this.stampOf(path);
    if (stamp === 'folder') this.queue.list(path);
    if (stamp === undefined || stamp === 'folder' || !source.wants(path)) {
      this.drop(path);
      return;
    }
    const file = this.fileOf(path);
    if (!isChanged && this.table.stampOf(path) === stamp && (await source.mayEmbed(file))) {
      this.embedLater(path);
      return;
    }
    const othersRows = () => this.table.size - this.table.rowsOf(path).length;
    // A full index takes nothing, so nothing is read.
    const read = othersRows() < maxRows ? await source.pieces(file) : ({ reason: 'no room' } as const);
    if (rules !== this.rules) {
      this.queue.readAgain(path);
      return;
    }
    if ('reason' in read) {
      if (read.reason === 'no room') this.isCut = true;
      if (read.reason !== 'ignored' && read.reason !== 'secret') this.drop(path);
      else if (this.forbid(path)) await this.save();
      return;
    }
    const { pieces } = read;
    if (othersRows() + pieces.length > maxRows) {
      this.isCut = true;
      this.drop(path);
      return;
    }
    this.table.place(path, stamp, pieces);
    this.unsaved++;
    this.pending = this.pending.filter((piece) => piece.path !== path);
    if (isToEmbed)
      this.pending.push(...pieces.filter(({ hash }) => this.table.lacks(hash)).map((piece) => ({ ...piece, path })));
    else this.embedLater(path);
  }

  private embedLater(path: string): void {
    if (!this.table.isWhole(path)) this.queue.embedLater(path);
  }

  private async embed(signal: AbortSignal): Promise<void> {
    const { embedder, say } = this.parts;
    const batch = firstOf(this.pending, BATCH);
    const contents = await Promise.all(batch.map(({ content }) => content().catch(() => undefined)));
    signal.throwIfAborted();
    const hashes = batch.map(({ hash }) => hash);
    const readable = hashes.filter((_, i) => contents[i] !== undefined);
    try {
      const wanted = contents.filter((content) => content !== undefined);
      const largest = embedder.submodels.at(-1) ?? '';
      const vectors = wanted.length > 0 ? await embedder.embed(wanted, largest, signal) : new Float32Array();
      this.table.add(readable, vectors);
      this.embeddedCount += readable.length;
    } catch (error) {
      signal.throwIfAborted();
      // A content that cannot be embedded must not stop the others.
      this.embedFault = `${batch[0]?.path ?? ''} and ${batch.length - 1} more pieces are left out: ${String(error)}`;
      say(this.embedFault);
      this.table.giveUp(readable, false);
    }
    this.table.giveUp(
      hashes.filter((_, i) => contents[i] === undefined),
      true,
    );
    const tried = new Set(hashes);
    this.unsaved += hashes.length;
    this.pending = this.pending.filter(({ hash }) => !tried.has(hash));
  }

  private async isSound(path: string): Promise<boolean> {
    const stamp = await this.stampOf(path);
    return stamp === this.table.stampOf(path) && (await this.parts.source.mayEmbed(this.fileOf(path)));
  }

  /** The state of a file; undefined if there is none, if it is a link, or if it is too large. */
  private async stampOf(path: string): Promise<string | undefined> {
    const { folder, source } = this.parts;
    const entry = await lstat(`${folder.path}/${path}`).catch(() => undefined);
    if (entry?.isDirectory()) return 'folder';
    return entry?.isFile() && entry.size <= source.maxFileBytes ? `${entry.size} ${entry.mtimeMs}` : undefined;
  }

  /** Its vectors stay for a while, because it may have another name now. */
  private drop(path: string): void {
    this.queue.settle(path);
    if (this.pending.some((piece) => piece.path === path))
      this.pending = this.pending.filter((piece) => piece.path !== path);
    if (this.table.remove(path)) this.unsaved++;
  }

  /** Its vectors go too. @returns whether it was known */
  private forbid(path: string): boolean {
    const wasKnown = this.table.stampOf(path) !== undefined;
    this.drop(path);
    this.table.sweep();
    return wasKnown;
  }

  private fileOf(path: string) {
    return { folder: this.parts.folder, path };
  }
}

/** The first pieces, each content once. */
function firstOf<Row, Content>(pieces: readonly Pending<Row, Content>[], count: number): Pending<Row, Content>[] {
  const first = new Map<string, Pending<Row, Content>>();
  for (const piece of pieces) {
    if (first.size === count) break;
    first.set(piece.hash, piece);
  }
  return [...first.values()];
}
