import * as vscode from 'vscode';
import {
  FilePolicy,
  type Folder,
  GIT_IGNORE_FILE,
  OWN_IGNORE_FILE,
  type ProjectFile,
} from '../../workspace/filePolicy';

const RULES = `{${OWN_IGNORE_FILE},${GIT_IGNORE_FILE}}`;

/** The editor's side of the file policy: it reports changes to it, and reads files for it through `workspace.fs` only. */
export class EditorFiles implements vscode.Disposable {
  private readonly policy: FilePolicy;
  private readonly folders = new Map<string, Folder>();
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: { dispose(): unknown }[];
  /** Folders above the workspace whose rules are watched. */
  private readonly watched = new Set<string>();
  /** Which files may be quoted has changed: texts that are kept have to be asked for again. */
  readonly onDidChangeRules = this.changed.event;

  /** @param warn is told about rules that cannot be followed */
  constructor(warn: (message: string) => void) {
    this.policy = new FilePolicy(warn);
    const forget = () => {
      this.forget();
    };
    this.subscriptions = [
      this.changed,
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('files.exclude')) forget();
      }),
      vscode.workspace.onDidChangeWorkspaceFolders(forget),
    ];
    this.watch(`**/${RULES}`);
  }

  /** Why nothing is completed in a file, also if it is asked for; undefined if MatCoder may. */
  closed(uri: vscode.Uri): Promise<string | undefined> {
    return this.policy.closed(uri.path, this.projectFile(fileOf(uri)));
  }

  /**
   * The text of a file if it may be quoted in completions of other files: from the editor if it is open, otherwise from
   * the disk. Files outside of the workspace are not quoted, because their rules are unknown, and cells of a notebook are
   * not, because they are in each other's prompt in any case.
   */
  async quotableText(uri: vscode.Uri): Promise<string | undefined> {
    const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
    if (fileOf(uri) !== uri) return undefined;
    const file = this.projectFile(uri);
    if (!file) return uri.scheme === 'untitled' && open ? this.policy.unsavedText(open) : undefined;
    await this.watchAbove(file.folder);
    return this.policy.quotableText(file, open);
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private forget(): void {
    this.folders.clear();
    this.policy.forget();
    this.changed.fire();
  }

  private watch(files: vscode.GlobPattern): void {
    const watcher = vscode.workspace.createFileSystemWatcher(files);
    const forget = () => {
      this.forget();
    };
    this.subscriptions.push(
      watcher,
      watcher.onDidChange(forget),
      watcher.onDidCreate(forget),
      watcher.onDidDelete(forget),
    );
  }

  /** The rules of the folders above the workspace are none of its files, whose changes the editor tells by itself. */
  private async watchAbove(folder: Folder): Promise<void> {
    const above = await this.policy.foldersAbove(folder);
    for (const [i] of above.entries()) {
      const uri = vscode.Uri.joinPath(vscode.Uri.parse(folder.id), ...above.slice(i).map(() => '..'));
      if (this.watched.has(uri.toString())) continue;
      this.watched.add(uri.toString());
      this.watch(new vscode.RelativePattern(uri, RULES));
    }
  }

  /** Where a file lies in the workspace; undefined if it lies outside, or nowhere. */
  private projectFile(uri: vscode.Uri): ProjectFile | undefined {
    const root = vscode.workspace.getWorkspaceFolder(uri);
    if (!root || uri.path.length <= root.uri.path.length) return undefined;
    const id = root.uri.toString();
    const folder = this.folders.get(id) ?? folderOf(root);
    this.folders.set(id, folder);
    return { folder, path: uri.path.slice(folder.path.length).replace(/^\//, '') };
  }
}

function folderOf({ uri }: vscode.WorkspaceFolder): Folder {
  const at = (path: string) => uri.with({ path });
  return {
    id: uri.toString(),
    path: uri.path.replace(/\/$/, ''),
    async read(path, maxBytes) {
      try {
        if ((await vscode.workspace.fs.stat(at(path))).size > maxBytes) return 'too large';
        return await vscode.workspace.fs.readFile(at(path));
      } catch {
        return undefined;
      }
    },
    async exists(path) {
      try {
        await vscode.workspace.fs.stat(at(path));
        return true;
      } catch {
        return false;
      }
    },
    excludes: () => vscode.workspace.getConfiguration('files', uri).get<Record<string, unknown>>('exclude', {}),
  };
}

/** The notebook that a document is a cell of. */
export function notebookOf(uri: vscode.Uri): vscode.NotebookDocument | undefined {
  const address = uri.toString();
  const isHere = ({ document }: vscode.NotebookCell) => document.uri.toString() === address;
  return vscode.workspace.notebookDocuments.find((notebook) => notebook.getCells().some(isHere));
}

/** The file that a document is of: for a notebook's cell, which has an address of its own, the notebook. */
export function fileOf(uri: vscode.Uri): vscode.Uri {
  return notebookOf(uri)?.uri ?? uri;
}
