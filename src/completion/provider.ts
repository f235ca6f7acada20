import * as vscode from 'vscode';
import { describe, type Outcome } from './outcome';
import type { CompletionRequest, Pipeline } from './pipeline';
import { EXCERPT_PREFIX_CHARS, EXCERPT_SUFFIX_CHARS } from './prompt';

export interface ProviderParts {
  /** Undefined while the engine is not ready, with a reason to log. */
  readonly pipeline: () => Pipeline | undefined;
  readonly log: vscode.LogOutputChannel;
  readonly onOutcome: (outcome: Outcome) => void;
  /** Run when a suggestion was accepted whole. */
  readonly acceptedCommand: string;
}

/**
 * The editor's side of a completion. Only stable API: a published extension that defines the shown and accepted
 * handlers, or passes metadata when it registers, fails to register at all.
 */
export class CompletionProvider implements vscode.InlineCompletionItemProvider {
  private requests = 0;

  constructor(private readonly parts: ProviderParts) {}

  async provideInlineCompletionItems(
    document: vscode.TextDocument,
    position: vscode.Position,
    context: vscode.InlineCompletionContext,
    token: vscode.CancellationToken,
  ): Promise<vscode.InlineCompletionItem[] | undefined> {
    const { log, onOutcome, pipeline: current, acceptedCommand } = this.parts;
    const number = ++this.requests;
    const pipeline = current();
    if (!pipeline) {
      log.info(`request ${number}: gated, the engine is not ready`);
      return undefined;
    }
    const cancelled = new AbortController();
    const subscription = token.onCancellationRequested(() => {
      cancelled.abort();
    });
    try {
      const outcome = await pipeline.complete(requestAt(document, position, context), cancelled.signal);
      log.info(`request ${number}: ${describe(outcome)}`);
      onOutcome(outcome);
      if (token.isCancellationRequested || !('suggestion' in outcome)) return undefined;
      const { text, replaces } = outcome.suggestion;
      const item = new vscode.InlineCompletionItem(text, new vscode.Range(position, position.translate(0, replaces)));
      item.command = { command: acceptedCommand, title: '', arguments: [number] };
      return [item];
    } catch (error) {
      log.error(`request ${number}: failed, ${String(error)}`);
      return undefined;
    } finally {
      subscription.dispose();
    }
  }
}

/** The surroundings of a cursor. Documents may be huge: only what a prompt can hold is read. */
function requestAt(
  document: vscode.TextDocument,
  position: vscode.Position,
  context: vscode.InlineCompletionContext,
): CompletionRequest {
  const offset = document.offsetAt(position);
  const start = document.positionAt(Math.max(0, offset - EXCERPT_PREFIX_CHARS));
  const end = document.positionAt(offset + EXCERPT_SUFFIX_CHARS);
  const text = (from: vscode.Position, to: vscode.Position) =>
    document.getText(new vscode.Range(from, to)).replaceAll('\r\n', '\n');
  const editor = vscode.window.visibleTextEditors.find((e) => e.document === document);
  const line = document.lineAt(position.line).range;
  const lineSuffix = document.getText(new vscode.Range(position, line.end)).slice(0, EXCERPT_SUFFIX_CHARS);
  return {
    document: document.uri.toString(),
    path: vscode.workspace.asRelativePath(document.uri, false).replaceAll('\\', '/'),
    prefix: text(start, position),
    prefixStart: document.offsetAt(start),
    suffix: text(position, end),
    lineSuffix,
    lineLength: line.end.character,
    explicit: context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke,
    enabled: vscode.workspace.getConfiguration('matcoder', document).get('enabled', true),
    scheme: document.uri.scheme,
    languageId: document.languageId,
    cursors: editor?.selections.length ?? 1,
    hasSelection: editor?.selection.isEmpty === false,
  };
}
