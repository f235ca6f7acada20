import * as vscode from 'vscode';
import { type Snippet, SnippetIndex, StableSnippets } from '../prompt/snippets';
import { pathOf } from './excerpt';
import type { EditorFiles } from './files';
import { isEdited } from '../gate';
import { type Excerpt, windowStart } from '../prompt/prompt';

/** Files that are remembered. */
const CAPACITY = 24;
/** Of the active file's folder, beside those that are open. */
const MAX_SIBLINGS = 8;
const MAX_FILE_BYTES = 200_000;
/** What looking for them may take of a completion. */
const FIND_MS = 20;

/**
 * What other files have that is like the place at the cursor: those that are open or were looked at, as they were then
 * or when they were saved, and the nearest of the active file's folder. None that is ignored or holds secrets.
 */
export class EditorSnippets implements vscode.Disposable {
  private readonly index = new SnippetIndex(CAPACITY);
  private readonly stable = new StableSnippets(this.index, 1);
  private readonly subscriptions: readonly vscode.Disposable[];
  private active = vscode.window.activeTextEditor?.document;

  /** @param isOn whether text of other files may be read */
  constructor(
    private readonly files: EditorFiles,
    private readonly isOn: () => boolean,
  ) {
    this.subscriptions = [
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        const left = this.active;
        this.active = editor?.document;
        if (left && !left.isClosed) void this.remember(left.uri);
        if (editor) void this.look(editor.document);
      }),
      vscode.workspace.onDidSaveTextDocument((document) => void this.remember(document.uri)),
      vscode.workspace.onDidDeleteFiles(({ files: deleted }) => {
        for (const uri of deleted) this.index.delete(uri.toString());
      }),
      vscode.workspace.onDidRenameFiles(({ files: renamed }) => {
        for (const { oldUri } of renamed) this.index.delete(oldUri.toString());
      }),
      files.onDidChangeRules(() => {
        void this.restart();
      }),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('matcoder.relatedFiles')) void this.restart();
      }),
    ];
    void this.restart();
  }

  /** For the prompt of a completion in a document; the same while the user types on at a place. */
  around(document: vscode.TextDocument, excerpt: Excerpt): readonly Snippet[] {
    if (!this.isOn()) return [];
    return this.stable.at(document.uri.toString(), windowStart(excerpt), excerpt, () => performance.now(), FIND_MS);
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private async restart(): Promise<void> {
    this.index.clear();
    if (!this.isOn()) return;
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    for (const { input } of tabs) if (input instanceof vscode.TabInputText) await this.remember(input.uri);
    if (this.active) await this.look(this.active);
  }

  /** A document is looked at: its folder tells what is near, the document itself is what was used last. */
  private async look(document: vscode.TextDocument): Promise<void> {
    if (!this.isOn()) return;
    for (const sibling of await siblingsOf(document.uri)) {
      if (!this.index.has(sibling.toString())) await this.remember(sibling);
    }
    await this.remember(document.uri);
  }

  private async remember(uri: vscode.Uri): Promise<void> {
    if (!this.isOn() || !isEdited(uri.scheme)) return;
    const quotable = await this.files.isQuotable(uri);
    const text = quotable ? await textAt(uri) : undefined;
    if (text === undefined) this.index.delete(uri.toString());
    else this.index.set(uri.toString(), pathOf(uri), text);
  }
}

/** Of a file that is open as it is in the editor, of another as it is stored; line ends as \n. */
async function textAt(uri: vscode.Uri): Promise<string | undefined> {
  const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
  if (open) return open.getText().slice(0, MAX_FILE_BYTES).replaceAll('\r\n', '\n');
  try {
    if ((await vscode.workspace.fs.stat(uri)).size > MAX_FILE_BYTES) return undefined;
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await vscode.workspace.fs.readFile(uri));
    return text.replaceAll('\r\n', '\n');
  } catch {
    return undefined; // gone, unreadable, or not text
  }
}

/** The files of a folder with the same ending, by name; none where the file system does not answer. */
async function siblingsOf(uri: vscode.Uri): Promise<vscode.Uri[]> {
  if (!vscode.workspace.getWorkspaceFolder(uri)) return [];
  const ending = /\.[^./]+$/.exec(uri.path)?.[0];
  if (ending === undefined) return [];
  const folder = vscode.Uri.joinPath(uri, '..');
  try {
    return (await vscode.workspace.fs.readDirectory(folder))
      .filter(([name, type]) => type === vscode.FileType.File && name.endsWith(ending))
      .map(([name]) => vscode.Uri.joinPath(folder, name))
      .filter((sibling) => sibling.path !== uri.path)
      .slice(0, MAX_SIBLINGS);
  } catch {
    return [];
  }
}
