import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { EXCERPT_HEAD_CHARS } from '../../completion/prompt/prompt';
import type { EngineMemory, MemoryPlace } from '../../engine/memory';
import { english, type Phrase } from '../../localisation/phrase';
import { SYSTEM_CLOCK } from '../../machine/clock';
import { messageOf } from '../../matlm/errors';
import type { Log } from '../../session/parts';
import { diskFolder, entriesIn, slashed } from '../../workspace/disk';
import {
  FilePolicy,
  type Folder,
  type OpenDocument,
  type ProjectFile,
  type Quotable,
} from '../../workspace/filePolicy';
import { BUDGET_BYTES, MAX_RECENT, SHARE, SMALL_SHARE, TYPING_MS } from '../../workspace/memory/budget';
import type { LineChange } from '../../workspace/memory/editedLines';
import { MemoryFeeder } from '../../workspace/memory/feeder';
import { FileIds } from '../../workspace/memory/fileIds';
import { importedFiles } from '../../workspace/memory/importedFiles';
import type { FileId } from '../../workspace/memory/nearness';
import { describeMemory, type MemorySummary } from '../../workspace/memory/summary';
import type { FolderEntry } from '../../workspace/memory/walk';
import { ChangesOnDisk } from './changesOnDisk';

export interface DiskWorkspaceParts {
  /** Absolute paths of the folders. */
  readonly roots: readonly string[];
  /** The document of a file, if the editor has it open. */
  readonly openDocument: (path: string) => OpenDocument | undefined;
  readonly isOn: boolean;
  /** Whether the machine is on battery, busy or hot. */
  readonly isStrained: () => boolean;
  readonly log: Log;
  /** A text of the workspace was read that may be quoted. */
  readonly onText?: (path: string, text: string) => void;
  /** Something was forgotten that must not be shown any more. */
  readonly onForbidden: () => void;
}

/** Folders on the disk that are open in an editor, or that a server was started for, and the engine's memory of them. */
export class DiskWorkspace {
  private readonly ids = new FileIds();
  private readonly folders: readonly Folder[];
  private readonly policy: FilePolicy;
  private readonly feeder: MemoryFeeder;
  private readonly changes: ChangesOnDisk;
  private recent: readonly FileId[] = [];
  private typedMs = -Infinity;
  private lastLine = '';

  constructor(private readonly parts: DiskWorkspaceParts) {
    const { log, isOn, isStrained, onForbidden, openDocument } = parts;
    this.changes = new ChangesOnDisk({
      onFile: (path) => {
        if (!openDocument(path)) this.feeder.changed(this.idOf(path));
      },
      onGone: (path) => {
        this.feeder.deleted(this.idOf(path));
      },
      onRules: () => {
        this.policy.forget();
        this.feeder.rulesChanged();
      },
    });
    this.folders = parts.roots.map((root) => this.changes.watching(diskFolder(root)));
    this.policy = new FilePolicy((message) => {
      log.warn(message);
    });
    this.feeder = new MemoryFeeder(
      {
        folders: {
          list: (folder) => this.entriesOf(folder),
          ignores: (folder) => this.ignores(pathOf(folder)),
        },
        roots: () => this.folders.map(({ path }) => this.idOf(path)),
        read: (file) => this.quotable(pathOf(file)),
        mayRemember: (file) => this.mayQuote(pathOf(file)),
        clock: SYSTEM_CLOCK,
        share: () => (isStrained() || SYSTEM_CLOCK.now() - this.typedMs < TYPING_MS ? SMALL_SHARE : SHARE),
        budgetBytes: BUDGET_BYTES,
        onChange: () => undefined,
        onForbidden,
        onIdle: () => {
          this.report();
        },
        onFault: (fault) => {
          log.warn(`the workspace memory lacks a file: ${messageOf(fault)}`);
        },
      },
      isOn,
    );
  }

  get summary(): MemorySummary {
    return this.feeder.summary;
  }

  /** The engine's memory, which is empty; undefined if the engine has gone. */
  attach(memory: EngineMemory | undefined): void {
    this.feeder.attach(memory);
  }

  setOn(isOn: boolean): void {
    this.feeder.setOn(isOn);
  }

  /** Why a file is closed to MatCoder; undefined if it is not. */
  closed(path: string): Promise<Phrase | undefined> {
    return this.policy.closed(slashed(path), this.projectFile(path));
  }

  /** The text of a file of the workspace, or why it may not be quoted. Others have rules that are unknown. */
  async quotable(path: string): Promise<Quotable> {
    const file = this.projectFile(path);
    if (!file) return { reason: 'ignored' };
    const quotable = await this.policy.quotable(file, this.parts.openDocument(path));
    if ('text' in quotable) this.parts.onText?.(path, quotable.text);
    return quotable;
  }

  /** Whether the name and the rules of a file let its text be quoted. */
  async mayQuote(path: string): Promise<boolean> {
    const file = this.projectFile(path);
    return file !== undefined && this.policy.mayQuote(file);
  }

  /** The path of a file from the workspace folder that it is in; undefined if it is in none. */
  relative(path: string): string | undefined {
    return this.projectFile(path)?.path;
  }

  /** The absolute path of a file that a client names from a folder of the workspace, or absolutely. */
  resolve(path: string): string | undefined {
    const [first] = this.folders;
    return first && resolve(first.path, path);
  }

  /** Where a request is in the memory. @param line of the cursor, from 0 */
  placeOf(path: string, line: number): MemoryPlace {
    return { ...this.feeder.placeOf(this.idOf(path), line), revision: this.feeder.revision };
  }

  /** The user works in a file. @param head of its text */
  look(path: string, head: string): void {
    if (!this.projectFile(path)) return;
    const active = this.idOf(path);
    this.recent = [...new Set([active, ...this.recent])].slice(0, MAX_RECENT);
    const imported = importedFiles(active, head.slice(0, EXCERPT_HEAD_CHARS));
    this.feeder.setSurroundings({ active, recent: this.recent, imported });
    this.changes.look();
  }

  /** An open document has changed by typing. */
  edited(path: string, changes: readonly LineChange[]): void {
    this.typedMs = SYSTEM_CLOCK.now();
    if (this.projectFile(path)) this.feeder.edited(this.idOf(path), changes, true);
  }

  /** A file may have changed on the disk, or its document was closed. */
  changed(path: string): void {
    if (this.projectFile(path)) this.feeder.changed(this.idOf(path));
  }

  dispose(): void {
    this.changes.dispose();
    this.feeder.dispose();
  }

  /** Names of the files next to one, with the same extension. */
  async siblingsOf(path: string, most: number): Promise<string[]> {
    const ending = /\.[^./]+$/.exec(path)?.[0];
    if (ending === undefined || !this.projectFile(path)) return [];
    const entries = await entriesIn(dirname(path));
    return entries
      .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
      .map(({ name }) => join(dirname(path), name))
      .filter((sibling) => slashed(sibling) !== slashed(path))
      .slice(0, most);
  }

  private ignores(path: string): Promise<boolean> {
    const slashedPath = slashed(path);
    const folder = this.folders.find((one) => slashedPath === one.path || slashedPath.startsWith(`${one.path}/`));
    if (!folder) return Promise.resolve(true);
    return this.policy.ignoresFolder(folder, slashedPath.slice(folder.path.length + 1));
  }

  private async entriesOf(folder: FileId): Promise<FolderEntry[]> {
    const path = pathOf(folder);
    const entries = await entriesIn(path);
    return entries.map((entry) => ({ id: this.idOf(join(path, entry.name)), isFolder: entry.isDirectory() }));
  }

  private projectFile(path: string): ProjectFile | undefined {
    const file = slashed(path);
    const folder = this.folders.find((one) => file.startsWith(`${one.path}/`));
    return folder && { folder, path: file.slice(folder.path.length + 1) };
  }

  private idOf(path: string): FileId {
    return this.ids.idOf(pathToFileURL(path).href.replace(/\/$/, ''));
  }

  private report(): void {
    const { summary } = this;
    const lasting = english(describeMemory({ ...summary, bytes: 0 }));
    if (lasting !== this.lastLine) this.parts.log.info(`workspace memory: ${english(describeMemory(summary))}`);
    this.lastLine = lasting;
  }
}

function pathOf(id: FileId): string {
  return fileURLToPath(id);
}
