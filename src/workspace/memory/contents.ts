import { createHash } from 'node:crypto';
import type { DocumentId, MemoryStats } from '../../engine/memory';
import { EditedLines } from './editedLines';
import type { LeftOut } from './fitness';
import { type FileId, folderOf, type Nearness } from './nearness';
import { RankQueue } from './rankQueue';

/** Six in the index (native/src/memory/segment.h), and some for what is dead and not yet freed. */
const BYTES_A_TOKEN = 7;
/** Of code; the engine's count of tokens soon gives the own figure of this workspace. */
const CHARS_A_TOKEN = 3.5;
/** With less room than this, a file is not worth reading unless farther ones can make room for it. */
const LITTLE_CHARS = 2000;

/** A file that was considered. */
export interface KnownFile {
  readonly id: FileId;
  /** Its number in the memory, which no other file ever gets. */
  readonly document: DocumentId;
  /** Undefined until it is read. */
  readonly state: 'remembered' | LeftOut | undefined;
  /** The lines that were edited since it was remembered. */
  readonly edits: EditedLines;
}

interface Entry extends KnownFile {
  state: KnownFile['state'];
  /** Of the remembered text; 0 if none is. */
  chars: number;
  hash: string;
}

/** The files that were considered: what the memory holds of them within its budget, and why it lacks the others. */
export class Contents {
  private readonly files = new Map<FileId, Entry>();
  /** How many files are below each folder. */
  private readonly folders = new Map<FileId, number>();
  private readonly remembered: RankQueue<Entry>;
  /** How many files are in each state. */
  private readonly counts = new Map<KnownFile['state'], number>();
  private numbers = 0;
  private chars = 0;
  private tokensAChar = 1 / CHARS_A_TOKEN;

  constructor(
    private nearness: Nearness,
    private readonly budgetBytes: number,
  ) {
    this.remembered = new RankQueue(({ id }) => nearness.rankOf(id));
  }

  get known(): Iterable<KnownFile> {
    return this.files.values();
  }

  get size(): number {
    return this.files.size;
  }

  /** Whether there are files below a folder. */
  hasFolder(folder: FileId): boolean {
    return this.folders.has(folder);
  }

  countOf(state: NonNullable<KnownFile['state']>): number {
    return this.counts.get(state) ?? 0;
  }

  get(file: FileId): KnownFile | undefined {
    return this.files.get(file);
  }

  meet(file: FileId): KnownFile {
    return this.entryOf(file);
  }

  rankBy(nearness: Nearness): void {
    this.nearness = nearness;
    this.remembered.rankBy(({ id }) => nearness.rankOf(id));
  }

  /** Files that were left out for want of room, and could have some now. */
  get rivals(): FileId[] {
    if (this.countOf('over the budget') === 0) return [];
    const limit = this.room < LITTLE_CHARS ? this.lastRank : Infinity;
    const out = [...this.files.values()].filter(({ state }) => state === 'over the budget');
    return out.map(({ id }) => id).filter((id) => this.nearness.rankOf(id) < limit);
  }

  /** Whether there is no room for a file, and none that is farther and could make room. */
  isCrowdedOut(file: FileId): boolean {
    return (
      this.files.get(file)?.state !== 'remembered' &&
      this.room < LITTLE_CHARS &&
      this.nearness.rankOf(file) >= this.lastRank
    );
  }

  /** Whether the memory has this text already. */
  has(file: FileId, text: string): boolean {
    const entry = this.files.get(file);
    return entry?.state === 'remembered' && entry.hash === hashOf(text);
  }

  /** The memory may lack any text, so that none counts as known. @returns the files that are remembered */
  unsettle(): FileId[] {
    const remembered = [...this.files.values()].filter(({ state }) => state === 'remembered');
    for (const entry of remembered) entry.hash = '';
    return remembered.map(({ id }) => id);
  }

  /**
   * Make room for a file's text by leaving out farther files.
   * @returns documents to forget, and whether the text has room now
   */
  makeRoom(file: FileId, text: string): { readonly gone: readonly DocumentId[]; readonly fits: boolean } {
    const entry = this.entryOf(file);
    const gone: DocumentId[] = [];
    while (this.room + entry.chars < text.length) {
      const last = this.remembered.last;
      if (!last || last === entry || this.nearness.rankOf(file) >= this.lastRank) return { gone, fits: false };
      gone.push(...this.leaveOut(last.id, 'over the budget'));
    }
    return { gone, fits: true };
  }

  /** The memory holds this text of the file from now on. */
  remember(file: FileId, text: string): void {
    const entry = this.entryOf(file);
    this.empty(entry);
    this.setState(entry, 'remembered');
    Object.assign(entry, { chars: text.length, hash: hashOf(text) });
    this.chars += text.length;
    this.remembered.add(entry);
    entry.edits.clear();
  }

  /** @returns the document to forget, if the file was remembered */
  leaveOut(file: FileId, reason: LeftOut | undefined): DocumentId[] {
    const entry = this.entryOf(file);
    const gone = entry.state === 'remembered' ? [entry.document] : [];
    this.empty(entry);
    this.setState(entry, reason);
    return gone;
  }

  /** The file has gone. @returns the document to forget, if the file was remembered */
  drop(file: FileId): DocumentId[] {
    const gone = this.files.has(file) ? this.leaveOut(file, undefined) : [];
    if (this.files.delete(file)) this.countBelow(file, -1);
    return gone;
  }

  /** All is forgotten. */
  clear(): void {
    this.files.clear();
    this.folders.clear();
    this.counts.clear();
    this.remembered.clear();
    this.chars = 0;
  }

  /** The engine's figures after a file was added. */
  learn({ tokens }: MemoryStats): void {
    if (this.chars > 0 && tokens > 0) this.tokensAChar = tokens / this.chars;
  }

  /** In characters. */
  private get room(): number {
    return this.budgetBytes / (BYTES_A_TOKEN * this.tokensAChar) - this.chars;
  }

  /** Of the farthest file that is remembered. */
  private get lastRank(): number {
    const { last } = this.remembered;
    return last ? this.nearness.rankOf(last.id) : -1;
  }

  private setState(entry: Entry, state: KnownFile['state']): void {
    this.counts.set(entry.state, (this.counts.get(entry.state) ?? 0) - 1);
    this.counts.set(state, (this.counts.get(state) ?? 0) + 1);
    entry.state = state;
  }

  private empty(entry: Entry): void {
    this.remembered.delete(entry);
    this.chars -= entry.chars;
    entry.chars = 0;
  }

  private entryOf(file: FileId): Entry {
    const known = this.files.get(file);
    if (known) return known;
    const entry: Entry = {
      id: file,
      document: this.numbers++,
      state: undefined,
      edits: new EditedLines(),
      chars: 0,
      hash: '',
    };
    this.files.set(file, entry);
    this.countBelow(file, 1);
    return entry;
  }

  private countBelow(file: FileId, change: 1 | -1): void {
    for (let folder = folderOf(file); folder !== ''; folder = folderOf(folder)) {
      const count = (this.folders.get(folder) ?? 0) + change;
      if (count > 0) this.folders.set(folder, count);
      else this.folders.delete(folder);
    }
  }
}

function hashOf(text: string): string {
  return createHash('sha1').update(text).digest('base64');
}
