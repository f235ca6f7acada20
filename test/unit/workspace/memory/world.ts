import type { DocumentId, EngineMemory, MemoryMatch, MemoryStats } from '../../../../src/engine/memory';
import type { Unquotable } from '../../../../src/workspace/filePolicy';
import { MemoryFeeder } from '../../../../src/workspace/memory/feeder';
import { importedFiles } from '../../../../src/workspace/memory/importedFiles';
import type { FolderEntry } from '../../../../src/workspace/memory/walk';
import { ManualClock } from '../../../manualClock';

export const ROOT = 'file:///w';

/** An engine's memory that keeps texts. A quarter of a token a character, seven bytes a token. */
export class FakeMemory implements EngineMemory {
  readonly texts = new Map<DocumentId, string>();
  /** Texts that were given, in order. */
  readonly given: string[] = [];
  fault: Error | undefined;
  /** Told before a text is taken. */
  onRemember: () => void = () => undefined;

  remember(document: DocumentId, text: string): Promise<MemoryStats> {
    this.onRemember();
    if (this.fault) return Promise.reject(this.fault);
    this.given.push(text);
    this.texts.set(document, text);
    return Promise.resolve(this.stats());
  }

  forget(documents: readonly DocumentId[]): Promise<MemoryStats> {
    for (const document of documents) this.texts.delete(document);
    return Promise.resolve(this.stats());
  }

  look(): Promise<MemoryMatch> {
    return Promise.reject(new Error('not looked up here'));
  }

  private stats(): MemoryStats {
    const chars = [...this.texts.values()].reduce((sum, text) => sum + text.length, 0);
    return { documents: this.texts.size, tokens: chars / 4, bytes: 1.75 * chars };
  }
}

/** A workspace in memory. Each read and each listing of a folder takes a millisecond of the clock. */
export class World {
  readonly clock = new ManualClock();
  /** Texts, or why there is none. */
  readonly files = new Map<string, string>();
  readonly ignored = new Set<string>();
  readonly memory = new FakeMemory();
  readonly faults: unknown[] = [];
  readonly reads: string[] = [];
  readonly listed: string[] = [];
  idles = 0;
  forbidden = 0;
  share = 0.25;
  /** Told before the text of a file is taken. */
  onRead: (file: string) => void = () => undefined;
  readonly feeder: MemoryFeeder;

  constructor(budgetBytes = 64e6, isOn = true) {
    this.feeder = new MemoryFeeder(
      {
        folders: {
          list: (folder) => {
            this.listed.push(folder);
            this.clock.advance(1);
            return Promise.resolve(this.entriesOf(folder));
          },
          ignores: (folder) => Promise.resolve(this.ignored.has(folder)),
        },
        roots: () => [ROOT],
        read: (file) => {
          this.reads.push(file);
          this.clock.advance(1);
          this.onRead(file);
          if (this.isIgnored(file)) return Promise.resolve({ reason: 'ignored' });
          const text = this.files.get(file) ?? 'missing';
          return Promise.resolve(isReason(text) ? { reason: text } : { text });
        },
        mayRemember: (file) => Promise.resolve(!this.isIgnored(file)),
        clock: this.clock,
        share: () => this.share,
        budgetBytes,
        onChange: () => undefined,
        onForbidden: () => {
          this.forbidden++;
        },
        onIdle: () => {
          this.idles++;
        },
        onFault: (fault) => {
          this.faults.push(fault);
        },
      },
      isOn,
    );
  }

  /** Names from the workspace's folder on, with their texts. */
  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) this.files.set(`${ROOT}/${name}`, text);
  }

  /** The user looks at a file; the others that are given are open. */
  look(active: string, ...others: readonly string[]): void {
    const recent = [active, ...others].map((name) => `${ROOT}/${name}`);
    const text = this.files.get(`${ROOT}/${active}`) ?? '';
    this.feeder.setSurroundings({ active: recent[0], recent, imported: importedFiles(recent[0] ?? '', text) });
  }

  /** Let some time pass, and all that it brings. */
  async pass(ms: number): Promise<void> {
    const endMs = this.clock.now() + ms;
    do {
      await new Promise(setImmediate);
      this.clock.advance(Math.min(5, Math.max(0, endMs - this.clock.now())));
      await new Promise(setImmediate);
    } while (this.clock.now() < endMs);
  }

  /** Let time pass until nothing is left to do. */
  async untilIdle(): Promise<void> {
    const before = this.idles;
    for (let i = 0; i < 100_000 && this.idles === before; i++) await this.pass(5);
  }

  /** The texts in the memory, sorted. */
  get known(): string[] {
    return [...this.memory.texts.values()].sort();
  }

  private isIgnored(file: string): boolean {
    for (let at = file; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
      if (this.ignored.has(at)) return true;
    }
    return false;
  }

  private entriesOf(folder: string): FolderEntry[] {
    const entries = new Map<string, FolderEntry>();
    for (const file of this.files.keys()) {
      if (!file.startsWith(`${folder}/`)) continue;
      const [name = '', ...below] = file.slice(folder.length + 1).split('/');
      entries.set(name, { id: `${folder}/${name}`, isFolder: below.length > 0 });
    }
    return [...entries.values()];
  }
}

function isReason(text: string): text is Unquotable {
  return ['ignored', 'secret', 'too large', 'not text', 'missing'].includes(text);
}
