import * as vscode from 'vscode';
import { IgnoreRules, linesOfExcludes } from './context/ignoreRules';
import { isSecretFile } from './context/secrets';

const OWN = '.matcoderignore';
const GIT = '.gitignore';

/** Whose rules: our own keep MatCoder out of a file, Git's keep a file out of what others are told. */
type Rules = Readonly<Record<'own' | 'git', IgnoreRules>>;

/** Which files MatCoder stays out of, and which it never quotes in another. Reads through `workspace.fs` alone. */
export class EditorFiles implements vscode.Disposable {
  private readonly rules = new Map<string, Promise<Rules>>();
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: readonly { dispose(): unknown }[];
  /** What may be quoted may be other files now. */
  readonly onDidChangeRules = this.changed.event;

  constructor() {
    const watcher = vscode.workspace.createFileSystemWatcher(`**/{${OWN},${GIT}}`);
    const forget = () => {
      this.rules.clear();
      this.changed.fire();
    };
    this.subscriptions = [
      this.changed,
      watcher,
      watcher.onDidChange(forget),
      watcher.onDidCreate(forget),
      watcher.onDidDelete(forget),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('files.exclude')) forget();
      }),
      vscode.workspace.onDidChangeWorkspaceFolders(forget),
    ];
  }

  /** Why nothing is completed in a file, also when asked by hand; undefined where MatCoder may. */
  async closed(uri: vscode.Uri): Promise<string | undefined> {
    if (isSecretFile(uri.path)) return 'the file is one that holds secrets';
    const place = placeOf(uri);
    return place && (await this.rulesOf(place)).own.ignores(place.path) ? `${OWN} lists the file` : undefined;
  }

  /** Whether a file may be quoted where another is completed. */
  async isQuotable(uri: vscode.Uri): Promise<boolean> {
    if (isSecretFile(uri.path)) return false;
    const place = placeOf(uri);
    if (!place) return true;
    const { own, git } = await this.rulesOf(place);
    return !own.ignores(place.path) && !git.ignores(place.path);
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private rulesOf({ folder, path }: Place): Promise<Rules> {
    const inside = path.split('/').slice(0, -1);
    const key = vscode.Uri.joinPath(folder.uri, ...inside).toString();
    const known = this.rules.get(key) ?? readRules(folder, inside);
    this.rules.set(key, known);
    return known;
  }
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

/** The rules of the folders from the project's root down. */
async function readRules(root: vscode.WorkspaceFolder, inside: readonly string[]): Promise<Rules> {
  const folders = Array.from({ length: inside.length + 1 }, (_, depth) => inside.slice(0, depth));
  const read = (name: string) =>
    Promise.all(
      folders.map(async (parts) => ({
        folder: parts.join('/'),
        text: await readText(vscode.Uri.joinPath(root.uri, ...parts, name)),
      })),
    );
  const [own, git] = await Promise.all([read(OWN), read(GIT)]);
  const excludes = vscode.workspace.getConfiguration('files', root).get<Record<string, unknown>>('exclude', {});
  return {
    own: new IgnoreRules(own),
    git: new IgnoreRules([{ folder: '', text: linesOfExcludes(excludes) }, ...git]),
  };
}

/** Empty where there is no such file, or the file system does not answer. */
async function readText(uri: vscode.Uri): Promise<string> {
  try {
    return new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
  } catch {
    return '';
  }
}
