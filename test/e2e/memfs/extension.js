// A workspace that is on no disk: the files of the folder files/ in memory, by the scheme memfs.
const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const vscode = require('vscode');

const { FileSystemError, FileType } = vscode;

/** @implements {vscode.FileSystemProvider} */
class FilesInMemory {
  #changed = new vscode.EventEmitter();
  /** By path, with a slash in front. */
  #files = new Map();
  onDidChangeFile = this.#changed.event;

  constructor(folder) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile())
        this.#files.set(path.slice(folder.length), { content: readFileSync(path), mtime: Date.now() });
    }
  }

  watch() {
    return new vscode.Disposable(() => {});
  }

  stat(uri) {
    const file = this.#files.get(uri.path);
    if (file) return { type: FileType.File, ctime: 0, mtime: file.mtime, size: file.content.length };
    if (this.#below(uri).length > 0) return { type: FileType.Directory, ctime: 0, mtime: 0, size: 0 };
    throw FileSystemError.FileNotFound(uri);
  }

  readDirectory(uri) {
    const entries = this.#below(uri).map((path) => {
      const [name, ...rest] = path.split('/');
      return [name, rest.length > 0 ? FileType.Directory : FileType.File];
    });
    return [...new Map(entries)];
  }

  readFile(uri) {
    const file = this.#files.get(uri.path);
    if (!file) throw FileSystemError.FileNotFound(uri);
    return file.content;
  }

  writeFile(uri, content) {
    const { Changed, Created } = vscode.FileChangeType;
    const type = this.#files.has(uri.path) ? Changed : Created;
    this.#files.set(uri.path, { content, mtime: Date.now() });
    this.#changed.fire([{ type, uri }]);
  }

  createDirectory(uri) {
    throw FileSystemError.NoPermissions(uri);
  }

  delete(uri) {
    throw FileSystemError.NoPermissions(uri);
  }

  rename(uri) {
    throw FileSystemError.NoPermissions(uri);
  }

  /** The paths below a folder, relative to it. */
  #below({ path }) {
    const folder = path.endsWith('/') ? path : `${path}/`;
    return [...this.#files.keys()].filter((name) => name.startsWith(folder)).map((name) => name.slice(folder.length));
  }
}

exports.activate = (context) => {
  const provider = new FilesInMemory(join(context.extensionPath, 'files'));
  const item = vscode.window.createStatusBarItem('memfs', vscode.StatusBarAlignment.Left);
  item.text = 'memfs';
  item.show();
  context.subscriptions.push(
    item,
    vscode.workspace.registerFileSystemProvider('memfs', provider, { isCaseSensitive: true }),
    // Quick Open does not search in a file system that is not on a disk.
    vscode.commands.registerCommand('memfs.open', async () => {
      const path = await vscode.window.showInputBox();
      if (path) await vscode.window.showTextDocument(vscode.Uri.from({ scheme: 'memfs', path }), { preview: false });
    }),
  );
};
