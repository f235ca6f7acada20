import * as vscode from 'vscode';
import type { EngineMemory, MemoryPlace } from '../../engine/memory';
import { english } from '../../localisation/phrase';
import { SYSTEM_CLOCK } from '../../machine/clock';
import { messageOf } from '../../matlm/errors';
import { BUDGET_BYTES, MAX_RECENT, SHARE, SMALL_SHARE, TYPING_MS } from '../../workspace/memory/budget';
import { MemoryFeeder } from '../../workspace/memory/feeder';
import { FileIds } from '../../workspace/memory/fileIds';
import { importedFiles } from '../../workspace/memory/importedFiles';
import { type FileId, NO_SURROUNDINGS } from '../../workspace/memory/nearness';
import type { Quotable } from '../../workspace/filePolicy';
import { describeMemory, type MemorySummary } from '../../workspace/memory/summary';
import { type FolderEntry, MAX_FILES } from '../../workspace/memory/walk';
import { isEdited } from '../gate';
import { EXCERPT_HEAD_CHARS } from '../prompt/prompt';
import { textOf } from './excerpt';
import { documentOf, type EditorFiles, fileOf } from './files';

export interface EditorMemoryParts {
  readonly files: EditorFiles;
  /** Of all files of the workspace. */
  readonly watcher: Pick<vscode.FileSystemWatcher, 'onDidCreate' | 'onDidChange' | 'onDidDelete'>;
  readonly isOn: boolean;
  /** Whether the machine is on battery, busy or hot. */
  readonly isStrained: () => boolean;
  readonly log: Pick<vscode.LogOutputChannel, 'info' | 'warn'>;
  readonly onChange: () => void;
  /** Something was forgotten that must not be shown any more. */
  readonly onForbidden: () => void;
}

/** The log has a line at least so often while the memory changes. */
const REPORT_MS = 30_000;
/** Time for several tabs to open or close together. */
const TABS_MS = 200;
/** Other file systems may ask a server for each file. */
const LOCAL_SCHEMES = ['file', 'vscode-remote'];

/** Keeps the engine's memory of the workspace as the editor's files and documents are. `EditorFiles` decides which may be read. */
export class EditorMemory implements vscode.Disposable {
  private readonly feeder: MemoryFeeder;
  private readonly ids = new FileIds();
  private readonly subscriptions: vscode.Disposable[];
  /** Where the user was last in the workspace. */
  private place = NO_SURROUNDINGS;
  private typedMs = -Infinity;
  private tabsTimer: NodeJS.Timeout | undefined;
  private readonly said = new Set<string>();
  private lastLine = '';
  private reportedMs = performance.now();

  constructor(private readonly parts: EditorMemoryParts) {
    const { files, watcher, isOn, isStrained, onChange, onForbidden } = parts;
    this.feeder = new MemoryFeeder(
      {
        folders: {
          list: (folder) => this.entriesOf(folder),
          ignores: (folder) => files.ignoresFolder(vscode.Uri.parse(folder)),
        },
        roots: () => this.roots(),
        read: (file) => this.read(vscode.Uri.parse(file)),
        mayRemember: (file) => files.mayQuote(vscode.Uri.parse(file)),
        clock: SYSTEM_CLOCK,
        share: () => (isStrained() || performance.now() - this.typedMs < TYPING_MS ? SMALL_SHARE : SHARE),
        budgetBytes: BUDGET_BYTES,
        onChange: () => {
          onChange();
          if (performance.now() - this.reportedMs > REPORT_MS) this.report();
        },
        onForbidden,
        onIdle: () => {
          this.report();
        },
        onFault: (fault) => {
          this.sayOnce(`the workspace memory lacks a file: ${messageOf(fault)}`);
        },
      },
      isOn,
    );
    const changed = (uri: vscode.Uri) => {
      // Tools make thousands of files that are never read.
      if (this.feeder.isUnwanted(this.ids.find(uri.toString()))) return;
      // The text of an open document comes from the editor.
      if (isLocal(uri) && !documentOf(uri)) this.feeder.changed(this.idOf(uri));
    };
    const deleted = (uri: vscode.Uri) => {
      this.feeder.deleted(this.ids.find(uri.toString()));
    };
    this.subscriptions = [
      watcher.onDidCreate(changed),
      watcher.onDidChange(changed),
      watcher.onDidDelete(deleted),
      vscode.workspace.onDidDeleteFiles((event) => {
        event.files.forEach(deleted);
      }),
      vscode.workspace.onDidRenameFiles((event) => {
        for (const { oldUri, newUri } of event.files) {
          deleted(oldUri);
          this.feeder.changed(this.idOf(newUri));
        }
      }),
      vscode.workspace.onDidChangeTextDocument((event) => {
        this.edited(event);
      }),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        if (uri.scheme === 'untitled') deleted(uri);
        // Unsaved changes may have been discarded.
        else if (isMine(uri)) this.feeder.changed(this.idOf(uri));
      }),
      vscode.window.onDidChangeActiveTextEditor(() => {
        this.look();
      }),
      vscode.window.tabGroups.onDidChangeTabs(() => {
        this.tabsTimer ??= setTimeout(() => {
          this.tabsTimer = undefined;
          this.look();
        }, TABS_MS);
      }),
      files.onDidChangeRules(() => {
        this.feeder.rulesChanged();
      }),
    ];
    this.look();
  }

  get summary(): MemorySummary {
    return this.feeder.summary;
  }

  /** The engine's memory, which is empty; undefined if the engine has gone. */
  attach(memory: EngineMemory | undefined): void {
    this.feeder.attach(memory);
  }

  /** A part of the memory is empty. */
  again(): void {
    this.feeder.again();
  }

  setOn(isOn: boolean): void {
    this.feeder.setOn(isOn);
    if (!isOn) this.report();
  }

  /** Where a request is in the memory. */
  placeOf(document: vscode.TextDocument, { line }: vscode.Position): MemoryPlace {
    return { ...this.feeder.placeOf(this.idOf(document.uri), line), revision: this.feeder.revision };
  }

  dispose(): void {
    clearTimeout(this.tabsTimer);
    this.feeder.dispose();
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private roots(): FileId[] {
    const roots = vscode.workspace.workspaceFolders ?? [];
    for (const { name, uri } of roots) {
      if (isLocal(uri)) continue;
      this.sayOnce(
        `the workspace memory knows only open files of ${name}, because it is not on a disk (${uri.scheme})`,
      );
    }
    return roots.flatMap(({ uri }) => (isLocal(uri) ? [this.idOf(uri).replace(/\/$/, '')] : []));
  }

  /** A symbolic link that came into being is no more followed than one that the walk meets. */
  private async read(uri: vscode.Uri): Promise<Quotable> {
    if (!documentOf(uri) && (await isLink(uri))) return { reason: 'ignored' };
    return this.parts.files.quotable(uri);
  }

  private edited({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    if (contentChanges.length === 0 || !isMine(document.uri)) return;
    // A document that is not dirty afterwards was read again from the disk.
    if (document.isDirty) this.typedMs = performance.now();
    const changes = contentChanges.map(({ range, text }) => ({
      first: range.start.line,
      last: range.end.line,
      lines: text.split('\n').length,
    }));
    this.feeder.edited(this.idOf(document.uri), changes, document.isDirty);
  }

  /** Which files the user works with. */
  private look(): void {
    const document = vscode.window.activeTextEditor?.document;
    // The cells of a notebook are not remembered, but the files around it are near.
    const file = document && fileOf(document.uri);
    // An output or a file from elsewhere says nothing about the workspace.
    if (document && file && isMine(file)) {
      const active = this.idOf(file);
      const recent = [...new Set([active, ...this.place.recent])].slice(0, MAX_RECENT);
      const head = textOf(document, new vscode.Position(0, 0), document.positionAt(EXCERPT_HEAD_CHARS));
      this.place = { active, recent, imported: importedFiles(active, head) };
    }
    const tabs = vscode.window.tabGroups.all
      .flatMap((group) => group.tabs)
      .flatMap(({ input }) =>
        input instanceof vscode.TabInputText && isMine(input.uri) ? [this.idOf(input.uri)] : [],
      );
    this.feeder.setSurroundings({ ...this.place, recent: [...new Set([...this.place.recent, ...tabs])] });
  }

  /** Without symbolic links, and without files that are too many anyway. Empty if the folder cannot be read, or is a file. */
  private async entriesOf(folder: FileId): Promise<FolderEntry[]> {
    const uri = vscode.Uri.parse(folder);
    try {
      let files = 0;
      return (await vscode.workspace.fs.readDirectory(uri)).flatMap(([name, type]) => {
        const isFolder = type === vscode.FileType.Directory;
        if (!isFolder && (type !== vscode.FileType.File || ++files > MAX_FILES + 1)) return [];
        return [{ id: this.idOf(vscode.Uri.joinPath(uri, name)), isFolder }];
      });
    } catch {
      return [];
    }
  }

  private idOf(uri: vscode.Uri): FileId {
    return this.ids.idOf(uri.toString());
  }

  private report(): void {
    const { summary } = this;
    this.reportedMs = performance.now();
    const line = `workspace memory: ${english(describeMemory(summary))}`;
    // The number of bytes changes with every key.
    const lasting = english(describeMemory({ ...summary, bytes: 0 }));
    if (lasting !== this.lastLine) this.parts.log.info(line);
    this.lastLine = lasting;
  }

  private sayOnce(text: string): void {
    if (this.said.has(text)) return;
    this.said.add(text);
    this.parts.log.warn(text);
  }
}

function isLocal({ scheme }: vscode.Uri): boolean {
  return LOCAL_SCHEMES.includes(scheme);
}

/** Whether a document may be remembered at all: a file of the workspace, or untitled. */
function isMine(uri: vscode.Uri): boolean {
  return isEdited(uri.scheme) && (uri.scheme === 'untitled' || vscode.workspace.getWorkspaceFolder(uri) !== undefined);
}

/** False if there is nothing. */
async function isLink(uri: vscode.Uri): Promise<boolean> {
  try {
    return ((await vscode.workspace.fs.stat(uri)).type & vscode.FileType.SymbolicLink) !== 0;
  } catch {
    return false;
  }
}
