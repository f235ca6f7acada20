import * as vscode from 'vscode';
import { IgnoreRules, linesOfExcludes } from '../../workspace/ignoreRules';
import { isSecretFile } from '../../workspace/secrets';

const OWN = '.matcoderignore';
const GIT = '.gitignore';

/** Whose rules: our own keep MatCoder out of a file, Git's keep a file out of what others are told. */
interface Rules extends Readonly<Record<'own' | 'git', IgnoreRules>> {
  /** The workspace's folder within the repository that it lies in, with a slash at its end: empty where it is all of it. */
  readonly above: string;
}

/** Which files MatCoder stays out of, and which it never quotes in another. Reads through `workspace.fs` alone. */
export class EditorFiles implements vscode.Disposable {
  private readonly rules = new Map<string, Promise<Rules>>();
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: { dispose(): unknown }[];
  /** Folders above the workspace whose rules are watched. */
  private readonly watched = new Set<string>();
  /** What may be quoted may be other files now. */
  readonly onDidChangeRules = this.changed.event;

  constructor() {
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
    this.watch(`**/{${OWN},${GIT}}`);
  }

  private forget(): void {
    this.rules.clear();
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

  /** The rules of the folders above are none of the workspace's files, of whose changes the editor tells by itself. */
  private watchAbove(folders: readonly vscode.Uri[]): void {
    for (const folder of folders) {
      if (this.watched.has(folder.toString())) continue;
      this.watched.add(folder.toString());
      this.watch(new vscode.RelativePattern(folder, `{${OWN},${GIT}}`));
    }
  }

  /** Why nothing is completed in a file, also when asked by hand; undefined where MatCoder may. */
  async closed(uri: vscode.Uri): Promise<string | undefined> {
    if (isSecretFile(uri.path)) return 'the file is one that holds secrets';
    const place = placeOf(fileOf(uri));
    if (!place) return undefined;
    const { own, above } = await this.rulesOf(place);
    return own.ignores(above + place.path) ? `${OWN} lists the file` : undefined;
  }

  /**
   * Whether a file may be quoted where another is completed: one of the project, or not of any yet. Of what lies outside it
   * is not known what rules it is under, and the cells of a notebook stand in each other's prompt in any case.
   */
  async isQuotable(uri: vscode.Uri): Promise<boolean> {
    if (isSecretFile(uri.path) || fileOf(uri) !== uri) return false;
    const place = placeOf(uri);
    if (!place) return uri.scheme === 'untitled';
    const { own, git, above } = await this.rulesOf(place);
    return !own.ignores(above + place.path) && !git.ignores(above + place.path);
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private rulesOf({ folder, path }: Place): Promise<Rules> {
    const inside = path.split('/').slice(0, -1);
    const key = vscode.Uri.joinPath(folder.uri, ...inside).toString();
    const known = this.rules.get(key) ?? this.readAndWatch(folder, inside);
    this.rules.set(key, known);
    return known;
  }

  private async readAndWatch(root: vscode.WorkspaceFolder, inside: readonly string[]): Promise<Rules> {
    const above = await foldersAbove(root.uri);
    this.watchAbove(above.map((_, i) => vscode.Uri.joinPath(root.uri, ...above.slice(i).map(() => '..'))));
    return readRules(root, above, inside);
  }
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

interface Place {
  readonly folder: vscode.WorkspaceFolder;
  /** From the folder, with forward slashes. */
  readonly path: string;
}

/** Where a file lies in the project; undefined for what lies outside, or nowhere. */
function placeOf(uri: vscode.Uri): Place | undefined {
  const folder = vscode.workspace.getWorkspaceFolder(uri);
  if (!folder || uri.path.length <= folder.uri.path.length) return undefined;
  return { folder, path: uri.path.slice(folder.uri.path.length).replace(/^\//, '') };
}

/** The rules of the folders from the repository's root down: a workspace may be a part of it. */
async function readRules(
  root: vscode.WorkspaceFolder,
  above: readonly string[],
  inside: readonly string[],
): Promise<Rules> {
  const top = vscode.Uri.joinPath(root.uri, ...above.map(() => '..'));
  const all = [...above, ...inside];
  const folders = Array.from({ length: all.length + 1 }, (_, depth) => all.slice(0, depth));
  const read = (name: string) =>
    Promise.all(
      folders.map(async (parts) => ({
        folder: parts.join('/'),
        text: await readText(vscode.Uri.joinPath(top, ...parts, name)),
      })),
    );
  const [own, git] = await Promise.all([read(OWN), read(GIT)]);
  const excludes = vscode.workspace.getConfiguration('files', root).get<Record<string, unknown>>('exclude', {});
  return {
    own: new IgnoreRules(own),
    git: new IgnoreRules([{ folder: above.join('/'), text: linesOfExcludes(excludes) }, ...git]),
    above: above.map((name) => `${name}/`).join(''),
  };
}

/** The names that lead from the root of the repository that a folder lies in to that folder; none where it lies in none. */
async function foldersAbove(folder: vscode.Uri): Promise<string[]> {
  const names = folder.path.split('/').filter(Boolean);
  for (let depth = names.length; depth > 0; depth--) {
    const root = vscode.Uri.joinPath(folder, ...names.slice(depth).map(() => '..'));
    if (await exists(vscode.Uri.joinPath(root, '.git'))) return names.slice(depth);
  }
  return [];
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}

/** Empty where there is no such file, or the file system does not answer. */
async function readText(uri: vscode.Uri): Promise<string> {
  try {
    return new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
  } catch {
    return '';
  }
}
