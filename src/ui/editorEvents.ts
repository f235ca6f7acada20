import * as vscode from 'vscode';
import { MAX_LINE_CHARS } from '../completion/gate';
import { type CodePlace, codePlaceAt } from '../governor/place';
import type { Session } from '../session/session';
import type { SuggestionTracker } from '../statistics/suggestionTracker';

/** Report edits and cursor movements to the session and the tracker. */
export function followEditing(session: Session, suggestions: SuggestionTracker): vscode.Disposable[] {
  const now = () => performance.now();
  return [
    vscode.workspace.onDidChangeTextDocument((event) => {
      const uri = event.document.uri.toString();
      for (const { text, rangeLength } of event.contentChanges) {
        session.pipeline?.edited(uri, text.replaceAll('\r\n', '\n'), rangeLength);
      }
      if (event.contentChanges.length > 0 && event.document === vscode.window.activeTextEditor?.document) {
        session.typed(placeAfter(event));
      }
      for (const { rangeOffset, text } of event.contentChanges) suggestions.edited(uri, rangeOffset, text, now());
    }),
    vscode.window.onDidChangeTextEditorSelection(({ textEditor: { document, selection } }) => {
      suggestions.moved(document.uri.toString(), document.offsetAt(selection.active), now());
    }),
  ];
}

/** The place in the code where a change left the cursor; undefined if it changed several places. */
function placeAfter({ document, contentChanges }: vscode.TextDocumentChangeEvent): CodePlace | undefined {
  const [change, ...more] = contentChanges;
  if (!change || more.length > 0) return undefined;
  const offset = change.rangeOffset + change.text.length;
  const end = document.positionAt(offset);
  const lineAbove = new vscode.Position(Math.max(0, end.line - 1), 0);
  // A line may be as long as its file.
  const nearest = document.positionAt(Math.max(0, offset - MAX_LINE_CHARS));
  const start = nearest.isAfter(lineAbove) ? nearest : lineAbove;
  return codePlaceAt(document.getText(new vscode.Range(start, end)).replaceAll('\r\n', '\n'));
}
