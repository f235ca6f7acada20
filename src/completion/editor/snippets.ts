import * as vscode from 'vscode';
import { type Snippet, SnippetIndex, StableSnippets } from '../prompt/snippets';
import { pathOf } from './excerpt';
import { documentOf, type EditorFiles } from './files';
import { fileKey } from '../../workspace/fileKey';
import { inBackground } from '../background';
import { isEdited } from '../gate';
import { type Excerpt, windowStart } from '../prompt/prompt';

/** Number of files in the index. */
const CAPACITY = 24;
/** Number of files from the active file's folder, in addition to open files. */
const MAX_SIBLINGS = 8;
/** Files of the folder that are tried: some may not be quoted. */
const MAX_TRIED = 32;
/** The longest duration of a search. */
const FIND_MS = 20;

export interface EditorSnippetsParts {
  readonly files: Pick<EditorFiles, 'quotableText' | 'onDidChangeRules'>;
  /** Of all files of the workspace. */
  readonly watcher: Pick<vscode.FileSystemWatcher, 'onDidChange' | 'onDidDelete'>;
  /** Whether text of other files may be read. */
  readonly isOn: () => boolean;
  /** Receives the reason if other files could not be read. */
  readonly warn: (text: string) => void;
}

/**
 * Snippets of other files that are similar to the text at the cursor. The index holds files that are open or were active,
 * as of then, of the last save or of the disk, and files from the active file's folder. `EditorFiles` decides which may be
 * read.
 */
export class EditorSnippets implements vscode.Disposable {
  private readonly index = new SnippetIndex(CAPACITY);
  private readonly stable = new StableSnippets(this.index, 1);
  private readonly subscriptions: readonly vscode.Disposable[];
  private active = vscode.window.activeTextEditor?.document;

  constructor(private readonly parts: EditorSnippetsParts) {
    const { files, watcher, warn } = parts;
    const start = (work: Promise<void>) => {
      inBackground(work, (reason) => {
        warn(`text of other files could not be read, and prompts go without it: ${reason}`);
      });
    };
    const forget = (uri: vscode.Uri) => {
      this.index.delete(keyOf(uri));
    };
    const readAgain = (uri: vscode.Uri) => {
      if (this.index.has(keyOf(uri))) start(this.remember(uri, true));
    };
    this.subscriptions = [
      watcher.onDidChange((uri) => {
        // The text of an open document comes from the editor.
        if (!documentOf(uri)) readAgain(uri);
      }),
      watcher.onDidDelete((uri) => {
        // A change of branch and back deletes a file and makes it again.
        if (!documentOf(uri)) forget(uri);
      }),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        // A document that is not dirty afterwards was read again from the disk.
        if (contentChanges.length > 0 && !document.isDirty) readAgain(document.uri);
      }),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        // Unsaved changes may have been discarded.
        readAgain(uri);
      }),
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        const left = this.active;
        this.active = editor?.document;
        if (left && !left.isClosed) start(this.remember(left.uri));
        if (editor) start(this.look(editor.document));
      }),
      vscode.workspace.onDidSaveTextDocument((document) => {
        start(this.remember(document.uri));
      }),
      vscode.workspace.onDidDeleteFiles(({ files: deleted }) => {
        deleted.forEach(forget);
      }),
      vscode.workspace.onDidRenameFiles(({ files: renamed }) => {
        for (const { oldUri } of renamed) forget(oldUri);
      }),
      files.onDidChangeRules(() => {
        start(this.restart());
      }),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('matcoder.relatedFiles')) start(this.restart());
      }),
    ];
    start(this.restart());
  }

  /** Snippets for the prompt of a completion in a document. They stay the same while the user types at one place. */
  around(document: vscode.TextDocument, excerpt: Excerpt): readonly Snippet[] {
    if (!this.parts.isOn()) return [];
    return this.stable.at(keyOf(document.uri), windowStart(excerpt), excerpt, () => performance.now(), FIND_MS);
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private async restart(): Promise<void> {
    this.index.clear();
    if (!this.parts.isOn()) return;
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    for (const { input } of tabs) if (input instanceof vscode.TabInputText) await this.remember(input.uri);
    if (this.active) await this.look(this.active);
  }

  /** A document became active. Files of its folder enter the index, and the document becomes the most recently used. */
  private async look(document: vscode.TextDocument): Promise<void> {
    if (!this.parts.isOn()) return;
    let known = 0;
    for (const sibling of await siblingsOf(document.uri)) {
      if (known === MAX_SIBLINGS) break;
      if (!this.index.has(keyOf(sibling))) await this.remember(sibling);
      if (this.index.has(keyOf(sibling))) known++;
    }
    await this.remember(document.uri);
  }

  /** @param isReplaced its earlier text has gone, so a snippet of that leaves the prompt at once */
  private async remember(uri: vscode.Uri, isReplaced = false): Promise<void> {
    const { files, isOn } = this.parts;
    if (!isOn() || !isEdited(uri.scheme)) return;
    for (;;) {
      const { forgotten } = this.index;
      const text = await files.quotableText(uri);
      if (forgotten !== this.index.forgotten) continue; // perhaps this file, which was deleted meanwhile
      if (text === undefined) this.index.delete(keyOf(uri));
      else if (isReplaced) this.index.replace(keyOf(uri), pathOf(uri), text);
      else this.index.set(keyOf(uri), pathOf(uri), text);
      return;
    }
  }
}

function keyOf(uri: vscode.Uri): string {
  return fileKey(uri.toString());
}

/** Files of the same folder with the same extension; none if the folder cannot be read. */
async function siblingsOf(uri: vscode.Uri): Promise<vscode.Uri[]> {
  if (!vscode.workspace.getWorkspaceFolder(uri)) return [];
  const ending = /\.[^./]+$/.exec(uri.path)?.[0];
  if (ending === undefined) return [];
  const folder = vscode.Uri.joinPath(uri, '..');
  try {
    return (await vscode.workspace.fs.readDirectory(folder))
      .filter(([name, type]) => type === vscode.FileType.File && name.endsWith(ending))
      .map(([name]) => vscode.Uri.joinPath(folder, name))
      .filter((sibling) => keyOf(sibling) !== keyOf(uri))
      .slice(0, MAX_TRIED);
  } catch {
    return [];
  }
}
