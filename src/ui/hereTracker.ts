import * as vscode from 'vscode';
import type { EditorFiles } from '../completion/editor/files';
import { verbatim } from '../localisation/phrase';
import type { EditorSettings } from './editorSettings';
import type { Here } from './here';

/** Follows the document of the active editor, and whether MatCoder works in it. */
export class HereTracker implements vscode.Disposable {
  private here: Here | undefined;
  /** Number of the latest look, because an earlier one may end later. */
  private looks = 0;
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: readonly { dispose(): unknown }[];
  readonly onDidChange = this.changed.event;

  constructor(
    private readonly files: Pick<EditorFiles, 'closed' | 'onDidChangeRules'>,
    private readonly settings: EditorSettings,
  ) {
    const look = () => void this.look();
    this.subscriptions = [
      this.changed,
      vscode.window.onDidChangeActiveTextEditor(look),
      vscode.workspace.onDidOpenTextDocument(look), // also fires when the language of a document changes
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('editor.inlineSuggest')) look();
      }),
      settings.onDidChange(look),
      files.onDidChangeRules(look),
    ];
    look();
  }

  /** Undefined if no editor is active. */
  get current(): Here | undefined {
    return this.here;
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private async look(): Promise<void> {
    const look = ++this.looks;
    const document = vscode.window.activeTextEditor?.document;
    const closed =
      document && (await this.files.closed(document.uri).catch((error: unknown) => verbatim(String(error))));
    if (look !== this.looks) return;
    this.here = document && {
      document: document.uri.toString(),
      languageId: document.languageId,
      scheme: document.uri.scheme,
      isEnabled: this.settings.isEnabledIn(document),
      closed,
      showsInlineSuggestions: vscode.workspace.getConfiguration('editor', document).get('inlineSuggest.enabled', true),
    };
    this.changed.fire();
  }
}
