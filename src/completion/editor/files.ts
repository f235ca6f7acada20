import * as vscode from 'vscode';
import type { Phrase } from '../../localisation/phrase';
import { fileKey } from '../../workspace/fileKey';
import {
  FilePolicy,
  type Folder,
  GIT_IGNORE_FILE,
  MAX_FILE_BYTES,
  type OpenDocument,
  OWN_IGNORE_FILE,
  type ProjectFile,
  type Quotable,
} from '../../workspace/filePolicy';

const RULES = `{${OWN_IGNORE_FILE},${GIT_IGNORE_FILE}}`;

/** The editor's side of the file policy. It reports changes of rules, and reads files through `workspace.fs` only. */
export class EditorFiles implements vscode.Disposable {
  private readonly policy: FilePolicy;
  private readonly folders = new Map<string, Folder>();
  private readonly changed = new vscode.EventEmitter<void>();
  /** The event comes at the end of this turn. */
  private isTelling = false;
  private readonly subscriptions: { dispose(): unknown }[];
  /** Folders above the workspace whose rules are watched. */
  private readonly watched = new Set<string>();
  /** The rules have changed, so kept texts have to be checked again. */
  readonly onDidChangeRules = this.changed.event;

  /** @param warn called for rules that cannot be followed */
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

  /** Why a file is closed to MatCoder, even by hand; undefined if it is not. */
  closed(uri: vscode.Uri): Promise<Phrase | undefined> {
    return this.policy.closed(uri.path, this.projectFile(fileOf(uri)));
  }

  /** The text of a file if it may be quoted in prompts for other files, as `quotable` says. */
  async quotableText(uri: vscode.Uri): Promise<string | undefined> {
    const read = await this.quotable(uri);
    return 'text' in read ? read.text : undefined;
  }

  /**
   * The text of a file, or why it may not be quoted in prompts for other files. It is read from the editor if the file is
   * open, or else from the disk. Files outside the workspace are not quoted, because their rules are unknown. Cells of a
   * notebook are not quoted, because they are in each other's prompt anyway.
   */
  async quotable(uri: vscode.Uri): Promise<Quotable> {
    const open = openDocument(uri);
    if (fileOf(uri) !== uri) return { reason: 'ignored' };
    const file = this.projectFile(uri);
    if (!file) return uri.scheme === 'untitled' && open ? this.policy.unsaved(open) : { reason: 'ignored' };
    await this.watchAbove(file.folder);
    return this.policy.quotable(file, open);
  }

  /** Whether the name and the rules of a file let its text be quoted. Its text may still hold a secret. */
  async mayQuote(uri: vscode.Uri): Promise<boolean> {
    const file = this.projectFile(uri);
    return file ? this.policy.mayQuote(file) : uri.scheme === 'untitled';
  }

  /** Whether no file below a folder may be quoted, because all are ignored or outside the workspace. */
  async ignoresFolder(uri: vscode.Uri): Promise<boolean> {
    const root = vscode.workspace.getWorkspaceFolder(uri);
    if (!root) return true;
    const folder = this.folderAt(root);
    await this.watchAbove(folder);
    return this.policy.ignoresFolder(folder, pathIn(folder, uri));
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private forget(): void {
    this.folders.clear();
    this.policy.forget();
    // A change of branch may change many ignore files together, and whoever follows the rules starts again.
    if (this.isTelling) return;
    this.isTelling = true;
    queueMicrotask(() => {
      this.isTelling = false;
      this.changed.fire();
    });
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

  /** Watch the rules of the folders above the workspace, because the editor reports changes within the workspace only. */
  private async watchAbove(folder: Folder): Promise<void> {
    const above = await this.policy.foldersAbove(folder);
    for (const [i] of above.entries()) {
      const uri = vscode.Uri.joinPath(vscode.Uri.parse(folder.id), ...above.slice(i).map(() => '..'));
      if (this.watched.has(uri.toString())) continue;
      this.watched.add(uri.toString());
      this.watch(new vscode.RelativePattern(uri, RULES));
    }
  }

  /** The file in its workspace folder; undefined if it is outside all of them. */
  private projectFile(uri: vscode.Uri): ProjectFile | undefined {
    const root = vscode.workspace.getWorkspaceFolder(uri);
    if (!root || uri.path.length <= root.uri.path.length) return undefined;
    const folder = this.folderAt(root);
    return { folder, path: pathIn(folder, uri) };
  }

  private folderAt(root: vscode.WorkspaceFolder): Folder {
    const id = root.uri.toString();
    const folder = this.folders.get(id) ?? folderOf(root);
    this.folders.set(id, folder);
    return folder;
  }
}

function pathIn(folder: Folder, uri: vscode.Uri): string {
  return uri.path.slice(folder.path.length).replace(/^\/|\/$/g, '');
}

/** The document of a file that is open in the editor. */
export function documentOf(uri: vscode.Uri): vscode.TextDocument | undefined {
  const key = fileKey(uri.toString());
  return vscode.workspace.textDocuments.find((document) => fileKey(document.uri.toString()) === key);
}

/** The same, as far as it may be read: a huge one is slow to read as a whole. */
function openDocument(uri: vscode.Uri): OpenDocument | undefined {
  const document = documentOf(uri);
  if (!document) return undefined;
  const { languageId } = document;
  const start = new vscode.Position(0, 0);
  return { languageId, getText: () => document.getText(new vscode.Range(start, document.positionAt(MAX_FILE_BYTES))) };
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

/** The file of a document. For a cell, which has a URI of its own, it is the notebook. */
export function fileOf(uri: vscode.Uri): vscode.Uri {
  return notebookOf(uri)?.uri ?? uri;
}
