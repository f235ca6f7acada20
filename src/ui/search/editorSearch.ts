import * as vscode from 'vscode';
import { EXCERPT_HEAD_CHARS } from '../../completion/prompt/prompt';
import type { EditorFiles } from '../../completion/editor/files';
import type { Machine } from '../../governor/machine';
import type { SearchClient } from '../../search/searchClient';
import { importedFiles } from '../../workspace/memory/importedFiles';
import type { SearchIndexSetting } from '../../session/settings';

export interface EditorSearchParts {
  readonly client: SearchClient;
  readonly files: Pick<EditorFiles, 'onDidChangeRules'>;
  /** Of all files of the workspace. */
  readonly watcher: Pick<vscode.FileSystemWatcher, 'onDidCreate' | 'onDidChange' | 'onDidDelete'>;
  readonly setting: () => SearchIndexSetting;
  readonly machine: () => Machine;
  readonly onChange: () => void;
}

/** Changes of files that come together are told together: a change of a branch may change thousands. */
const TOGETHER_MS = 200;
const MACHINE_MS = 2000;
/** Documents in which a key is a key of the user. */
const TYPED_SCHEMES = ['file', 'untitled', 'vscode-notebook-cell', 'vscode-remote', 'vscode-vfs'];

/** Tells the search process what happens in the window: its folders, changes of files, keys, and the state of the machine. */
export class EditorSearch implements vscode.Disposable {
  private readonly subscriptions: { dispose(): unknown }[];
  private isWanted = false;
  private completing = 0;
  private readonly changed = new Set<string>();
  private readonly deleted = new Set<string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly parts: EditorSearchParts) {
    const { client, files, watcher, onChange } = parts;
    const stopListening = client.onProgress(onChange);
    const ticks = setInterval(() => {
      if (client.progress.now.state !== 'off') client.setMachine(parts.machine());
    }, MACHINE_MS);
    this.subscriptions = [
      watcher.onDidCreate((uri) => {
        this.note(uri, this.changed);
      }),
      watcher.onDidChange((uri) => {
        this.note(uri, this.changed);
      }),
      watcher.onDidDelete((uri) => {
        this.note(uri, this.deleted);
      }),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length > 0 && TYPED_SCHEMES.includes(document.uri.scheme)) client.key();
      }),
      vscode.workspace.onDidChangeWorkspaceFolders(() => {
        this.tellFolders();
      }),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('files.exclude')) this.tellFolders();
      }),
      vscode.window.onDidChangeActiveTextEditor(() => {
        this.look();
      }),
      files.onDidChangeRules(() => {
        client.rulesChanged();
      }),
      {
        dispose: () => {
          clearInterval(ticks);
          clearTimeout(this.timer);
          stopListening();
        },
      },
    ];
    this.tellFolders();
    this.look();
    this.settingChanged();
  }

  /** The user searches: from now on the index is kept up to date. */
  want(): void {
    this.isWanted = true;
    this.parts.client.setMachine(this.parts.machine());
    this.settingChanged();
  }

  settingChanged(): void {
    const setting = this.parts.setting();
    this.parts.client.setOn(setting === 'whenIdle' || (setting === 'onDemand' && this.isWanted));
  }

  /** A completion is in progress until the promise settles. */
  completingWhile(answer: Promise<unknown>): void {
    const { client } = this.parts;
    this.completing++;
    client.setCompleting(true);
    const end = () => {
      if (--this.completing === 0) client.setCompleting(false);
    };
    answer.then(end, end);
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
    this.parts.client.dispose();
  }

  private tellFolders(): void {
    const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
    this.parts.client.setRoots(
      folders.map(({ uri }) => ({
        path: uri.fsPath,
        excludes: excludesIn(uri),
      })),
    );
  }

  private look(): void {
    const document = vscode.window.activeTextEditor?.document;
    const pathOf = ({ scheme, fsPath }: vscode.Uri) => (scheme === 'file' ? [fsPath.replaceAll('\\', '/')] : []);
    const [active] = document ? pathOf(document.uri) : [];
    const tabs = vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs);
    const recent = tabs.flatMap(({ input }) => (input instanceof vscode.TabInputText ? pathOf(input.uri) : []));
    const head = document?.getText(
      new vscode.Range(new vscode.Position(0, 0), document.positionAt(EXCERPT_HEAD_CHARS)),
    );
    this.parts.client.setSurroundings({ active, recent, imported: importedFiles(active ?? '', head ?? '') });
  }

  private note({ scheme, fsPath }: vscode.Uri, paths: Set<string>): void {
    if (scheme !== 'file') return;
    paths.add(fsPath.replaceAll('\\', '/'));
    this.timer ??= setTimeout(() => {
      const { client } = this.parts;
      this.timer = undefined;
      client.deleted([...this.deleted]);
      client.changed([...this.changed]);
      this.deleted.clear();
      this.changed.clear();
    }, TOGETHER_MS);
  }
}

/** A copy, because the editor's own object cannot be sent to another process. */
function excludesIn(folder: vscode.Uri): Record<string, unknown> {
  const excludes = vscode.workspace.getConfiguration('files', folder).get<Record<string, unknown>>('exclude', {});
  return JSON.parse(JSON.stringify(excludes)) as Record<string, unknown>;
}
