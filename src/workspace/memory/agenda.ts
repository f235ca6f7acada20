import { BackOff } from './backOff';
import type { FileId, Nearness } from './nearness';
import { RankQueue } from './rankQueue';

/** A text that is typed is read so long after the last key, */
const AFTER_KEY_MS = 500;
/** and at the latest so long after the first. */
const AFTER_FIRST_KEY_MS = 2000;

/** The files that are to be read, and when: typed texts at their time, all others in the order of their nearness. */
export class Agenda {
  /** Open documents that were typed in. */
  private readonly typing = new Map<FileId, { readonly firstMs: number; readonly dueMs: number }>();
  /** Files that changed on the disk, by the time at which they are to be read. */
  private readonly settling = new Map<FileId, number>();
  private readonly ready: RankQueue<FileId>;
  private readonly backOff: BackOff<FileId>;

  constructor(
    nearness: Nearness,
    private readonly now: () => number,
  ) {
    this.ready = new RankQueue((file) => nearness.rankOf(file));
    this.backOff = new BackOff(now);
  }

  get size(): number {
    return this.typing.size + this.settling.size + this.ready.size;
  }

  rankBy(nearness: Nearness): void {
    this.ready.rankBy((file) => nearness.rankOf(file));
  }

  /** Read a file when its turn comes. */
  add(file: FileId): void {
    this.ready.add(file);
  }

  /** The user typed in the document. */
  typed(file: FileId): void {
    const nowMs = this.now();
    const firstMs = this.typing.get(file)?.firstMs ?? nowMs;
    this.typing.set(file, { firstMs, dueMs: Math.min(nowMs + AFTER_KEY_MS, firstMs + AFTER_FIRST_KEY_MS) });
  }

  /** The file has changed on the disk. If it keeps changing, it is read less and less often. */
  changed(file: FileId): void {
    if (this.settling.has(file) || this.ready.has(file)) return;
    this.settling.set(file, this.now() + this.backOff.next(file));
  }

  /** The file has been read, or has gone. */
  done(file: FileId): void {
    this.typing.delete(file);
    this.settling.delete(file);
    this.ready.delete(file);
  }

  gone(file: FileId): void {
    this.done(file);
    this.backOff.forget(file);
  }

  clear(): void {
    this.typing.clear();
    this.settling.clear();
    this.ready.clear();
  }

  /** A typed text whose time has come. */
  get dueText(): FileId | undefined {
    const nowMs = this.now();
    for (const [file, { dueMs }] of this.typing) if (dueMs <= nowMs) return file;
    return undefined;
  }

  /** The nearest other file; undefined if none is to be read now. */
  get nearest(): FileId | undefined {
    const nowMs = this.now();
    for (const [file, dueMs] of this.settling) {
      if (dueMs > nowMs) continue;
      this.settling.delete(file);
      this.ready.add(file);
    }
    return this.ready.first;
  }

  /** When the next file that waits for its time is to be read; infinite if there is none. */
  get nextMs(): number {
    let nextMs = Infinity;
    for (const { dueMs } of this.typing.values()) nextMs = Math.min(nextMs, dueMs);
    for (const dueMs of this.settling.values()) nextMs = Math.min(nextMs, dueMs);
    return nextMs;
  }
}
