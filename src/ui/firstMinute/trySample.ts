import { t } from '@vscode/l10n';
import * as vscode from 'vscode';
import type { EngineState } from '../../engine/client';
import type { PastOutcome } from '../pastOutcomes';
import { sample } from './sample';

export interface TryParts {
  readonly engine: () => EngineState;
  /** The newest outcome in a document, by its URI. */
  readonly lastIn: (document: string) => PastOutcome | undefined;
  /** The engine's state or the outcomes have changed. */
  readonly onDidChange: vscode.Event<void>;
}

/** The engine gives up after half a minute. */
const START_MS = 40_000;
/** VS Code builds its inline suggestions a while after the first editor opens, and until then a request is lost. */
const REQUESTS = 6;

/**
 * Opens the sample as a new document and asks for a suggestion at its cursor.
 * @returns whether the request was answered with a suggestion, or the user went on to do something else
 */
export async function trySample({ engine, lastIn, onDidChange }: TryParts): Promise<boolean> {
  const { languageId, text, offset } = sample();
  const document = await vscode.workspace.openTextDocument({ language: languageId, content: text });
  const cursor = document.positionAt(offset);
  const editor = await vscode.window.showTextDocument(document, {
    selection: new vscode.Range(cursor, cursor),
    preview: false,
  });
  // The whole sample if there is room, and in any case the place of the suggestion.
  editor.revealRange(new vscode.Range(0, 0, 0, 0));
  editor.revealRange(new vscode.Range(cursor, cursor.translate(2)));
  const { version } = document;
  const isThere = () =>
    vscode.window.activeTextEditor?.document === document &&
    document.version === version &&
    editor.selection.active.isEqual(cursor);

  const hasStarted = () => engine().kind !== 'starting' && engine().kind !== 'restarting';
  if (!hasStarted()) {
    const started = changeTo(hasStarted, onDidChange, START_MS);
    vscode.window.setStatusBarMessage(t('MatCoder is starting. The suggestion follows.'), started);
    await started;
  }
  if (engine().kind !== 'ready') return false;

  const uri = document.uri.toString();
  const answer = () => {
    const last = lastIn(uri);
    return last?.kind === 'superseded' ? undefined : last;
  };
  for (let request = 1; request <= REQUESTS && isThere() && !answer(); request++) {
    // The walkthrough takes the focus when it draws itself again.
    await vscode.window.showTextDocument(document, editor.viewColumn);
    await vscode.commands.executeCommand('editor.action.inlineSuggest.trigger');
    await changeTo(() => answer() !== undefined, onDidChange, 1000 * request);
  }
  const kind = answer()?.kind;
  return kind === 'shown' || kind === 'reused' || !isThere();
}

/** Resolves as soon as the condition holds, or after the limit. */
function changeTo(holds: () => boolean, onDidChange: vscode.Event<void>, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      subscription.dispose();
      resolve();
    };
    const timer = setTimeout(end, limitMs);
    const subscription = onDidChange(() => {
      if (holds()) end();
    });
    if (holds()) end();
  });
}
