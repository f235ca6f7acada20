import Module from 'node:module';
import type * as vscode from 'vscode';

/** An event of the editor that the test fires. */
export class FakeEvent<T> {
  private readonly listeners = new Set<(value: T) => void>();

  readonly event = (listener: (value: T) => void) => {
    this.listeners.add(listener);
    return { dispose: () => this.listeners.delete(listener) };
  };

  fire(value: T): void {
    for (const listener of [...this.listeners]) listener(value);
  }

  dispose(): void {
    this.listeners.clear();
  }
}

class Uri {
  constructor(
    readonly scheme: string,
    readonly path: string,
  ) {}

  static parse(text: string): Uri {
    const [, scheme = '', path = ''] = /^([\w-]+):(?:\/\/)?(.*)$/.exec(text) ?? [];
    return new Uri(scheme, path);
  }

  static joinPath({ scheme, path }: Uri, ...names: string[]): Uri {
    return new Uri(scheme, new URL(names.join('/'), `file://${path}/`).pathname.replace(/(?<=.)\/$/, ''));
  }

  with({ path = this.path }: { path?: string }): Uri {
    return new Uri(this.scheme, path);
  }

  toString(): string {
    return `${this.scheme}:${this.scheme === 'untitled' ? '' : '//'}${this.path}`;
  }
}

class Position {
  constructor(
    readonly line: number,
    readonly character: number,
  ) {}

  isAfter({ line, character }: Position): boolean {
    return this.line > line || (this.line === line && this.character > character);
  }
}

class Range {
  constructor(
    readonly start: Position,
    readonly end: Position,
  ) {}
}

class RelativePattern {
  constructor(
    readonly base: Uri,
    readonly pattern: string,
  ) {}
}

class TabInputText {
  constructor(readonly uri: Uri) {}
}

export class FakeDocument {
  isDirty = false;
  isClosed = false;
  readonly languageId = 'typescript';
  /** Number of characters that were read. */
  charsRead = 0;

  constructor(
    readonly uri: vscode.Uri,
    public text: string,
  ) {}

  getText({ start, end }: Range = new Range(new Position(0, 0), this.positionAt(Infinity))): string {
    const text = this.text.slice(this.offsetAt(start), this.offsetAt(end));
    this.charsRead += text.length;
    return text;
  }

  positionAt(offset: number): Position {
    const before = this.text.slice(0, offset).split('\n');
    return new Position(before.length - 1, before.at(-1)!.length);
  }

  offsetAt({ line, character }: Position): number {
    const lines = this.text.split('\n');
    return lines.slice(0, line).reduce((sum, { length }) => sum + length + 1, 0) + character;
  }
}

/** A watcher of files, whose events the test fires. */
export class FakeWatcher {
  readonly created = new FakeEvent<vscode.Uri>();
  readonly changed = new FakeEvent<vscode.Uri>();
  readonly deleted = new FakeEvent<vscode.Uri>();
  readonly onDidCreate = this.created.event;
  readonly onDidChange = this.changed.event;
  readonly onDidDelete = this.deleted.event;

  dispose(): void {
    for (const event of [this.created, this.changed, this.deleted]) event.dispose();
  }
}

const FOLDER = new Uri('file', '/work');

/** As much of VS Code as `src/completion/editor` asks for, with one workspace folder, driven by hand. */
export class FakeEditor {
  /** The files on the disk, by path. */
  readonly disk = new Map<string, string>();
  documents: FakeDocument[] = [];
  active: FakeDocument | undefined;
  /** By pattern. */
  readonly watchers = new Map<unknown, FakeWatcher>();
  readonly activeChanged = new FakeEvent<unknown>();
  readonly documentChanged = new FakeEvent<unknown>();
  readonly documentClosed = new FakeEvent<FakeDocument>();

  uri(path: string, scheme = 'file'): vscode.Uri {
    return new Uri(scheme, path) as unknown as vscode.Uri;
  }

  open(uri: vscode.Uri, text = this.disk.get(uri.path) ?? ''): FakeDocument {
    const document = new FakeDocument(uri, text);
    this.documents.push(document);
    return document;
  }

  look(document: FakeDocument | undefined): void {
    this.active = document;
    this.activeChanged.fire(document && { document });
  }

  /** All of its text is replaced. */
  edit(document: FakeDocument, text: string, isDirty = true): void {
    document.text = text;
    document.isDirty = isDirty;
    this.documentChanged.fire({ document, contentChanges: [{ text, rangeOffset: 0, rangeLength: 0 }] });
  }

  close(document: FakeDocument): void {
    document.isClosed = true;
    this.documents = this.documents.filter((other) => other !== document);
    this.documentClosed.fire(document);
  }

  readonly read = (path: string): Promise<Buffer> => {
    const text = this.disk.get(path);
    return text === undefined ? Promise.reject(new Error(`there is no ${path}`)) : Promise.resolve(Buffer.from(text));
  };
}

/** The editor of the current test. */
export let editor = new FakeEditor();

export function newEditor(): void {
  editor = new FakeEditor();
}

const never = new FakeEvent<never>().event;

/** What `import * as vscode` gives. */
const api = {
  Uri,
  Position,
  Range,
  TabInputText,
  EventEmitter: FakeEvent,
  RelativePattern,
  FileType: { File: 1, Directory: 2, SymbolicLink: 64 },
  get window() {
    return windowOf(editor);
  },
  get workspace() {
    return workspaceOf(editor);
  },
};

function windowOf({ active, documents, activeChanged }: FakeEditor) {
  return {
    activeTextEditor: active && { document: active },
    onDidChangeActiveTextEditor: activeChanged.event,
    onDidChangeTextEditorSelection: never,
    tabGroups: {
      all: [{ tabs: documents.map(({ uri }) => ({ input: new TabInputText(uri as unknown as Uri) })) }],
      onDidChangeTabs: never,
    },
  };
}

function workspaceOf({ documents, watchers, documentChanged, documentClosed, read }: FakeEditor) {
  return {
    workspaceFolders: [{ name: 'work', uri: FOLDER }],
    textDocuments: documents,
    notebookDocuments: [],
    getWorkspaceFolder: ({ scheme, path }: Uri) =>
      scheme === 'file' && path.startsWith(FOLDER.path) ? { name: 'work', uri: FOLDER } : undefined,
    asRelativePath: ({ path }: Uri) => path.slice(FOLDER.path.length + 1),
    getConfiguration: () => ({ get: (_name: string, otherwise: unknown) => otherwise }),
    createFileSystemWatcher: (pattern: unknown) => {
      const watcher = new FakeWatcher();
      watchers.set(pattern, watcher);
      return watcher;
    },
    onDidChangeTextDocument: documentChanged.event,
    onDidCloseTextDocument: documentClosed.event,
    onDidSaveTextDocument: never,
    onDidDeleteFiles: never,
    onDidRenameFiles: never,
    onDidChangeConfiguration: never,
    onDidChangeWorkspaceFolders: never,
    fs: {
      stat: ({ path }: Uri) => read(path).then(({ length: size }) => ({ type: 1, size })),
      readFile: ({ path }: Uri) => read(path),
      readDirectory: () => Promise.resolve([]),
    },
  };
}

type Load = (request: string, ...rest: unknown[]) => unknown;
const loader = Module as unknown as { _load: Load };
const load = loader._load;
// Only VS Code itself has this module.
loader._load = (request, ...rest) => (request === 'vscode' ? api : load(request, ...rest));
