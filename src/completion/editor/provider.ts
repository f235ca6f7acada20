import * as vscode from 'vscode';
import { excerptAt } from './excerpt';
import type { EditorFiles } from './files';
import type { IndentOptions } from '../cursor';
import type { EditorSnippets } from './snippets';
import { describe, type Outcome } from '../outcome';
import type { Pipeline } from '../pipeline';
import { EXCERPT_SUFFIX_CHARS } from '../prompt/prompt';
import type { CompletionRequest } from '../request';
import { selectionsIn } from './selections';
import { Trace } from '../trace';

export interface ProviderParts {
  /** Undefined while the engine is not ready, with a reason to log. */
  readonly pipeline: () => Pipeline | undefined;
  readonly files: EditorFiles;
  readonly snippets: EditorSnippets;
  readonly log: vscode.LogOutputChannel;
  /** A completion is being made. */
  readonly onRequest: (answer: Promise<Outcome>) => void;
  readonly onOutcome: (outcome: Outcome) => void;
  /** Ghost text was handed to the editor. */
  readonly onOffer: (offer: Offer) => void;
  /** Run with the number of the request when its suggestion was accepted whole, or an alternative: then with its text too. */
  readonly acceptedCommand: string;
}

/** Ghost text that the editor was given. */
export interface Offer {
  /** Number of the request. */
  readonly request: number;
  /** URI of the document. */
  readonly document: string;
  /** Offset in it. */
  readonly offset: number;
  readonly text: string;
  /** The name of the submodel that wrote it. */
  readonly submodel: string;
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
    const { files, snippets, log, onRequest, onOutcome, onOffer, pipeline: current, acceptedCommand } = this.parts;
    const number = ++this.requests;
    const pipeline = current();
    if (!pipeline) {
      log.info(`request ${number}: gated, the engine is not ready`);
      return undefined;
    }
    const cancelled = new AbortController();
    const subscription = token.onCancellationRequested(() => {
      cancelled.abort('the editor wants it no more');
    });
    try {
      const trace = new Trace(() => performance.now());
      const closed = await files.closed(document.uri);
      const { request, range, lead } = targetAt(document, position, context, closed, snippets);
      trace.end('context');
      const answer = pipeline.complete(request, cancelled.signal, trace);
      onRequest(answer);
      const outcome = await answer;
      log.info(`request ${number}: ${describe(outcome)} [${trace.toString()}]${readBeside(request)}`);
      onOutcome(outcome);
      if (token.isCancellationRequested || !('suggestion' in outcome)) return undefined;
      const { suggestion } = outcome;
      const others = request.explicit ? await pipeline.alternatives(request, suggestion, cancelled.signal) : [];
      if (cancelled.signal.aborted) return undefined;
      const submodel = outcome.kind === 'shown' ? outcome.work.submodel : outcome.submodel;
      const offset = document.offsetAt(position);
      onOffer({ request: number, document: request.document, offset, text: suggestion.text, submodel });
      log.trace(`request ${number}: ${JSON.stringify([suggestion, ...others])}`);
      return [suggestion, ...others].map(({ text, replaces }, i) => {
        const item = new vscode.InlineCompletionItem(
          lead + text,
          range.with({ end: range.end.translate(0, replaces) }),
        );
        item.command = { command: acceptedCommand, title: '', arguments: [number, ...(i > 0 ? [text] : [])] };
        return item;
      });
    } catch (error) {
      log.error(`request ${number}: failed, ${String(error)}`);
      return undefined;
    } finally {
      subscription.dispose();
    }
  }
}

/** For the log: the other files whose text was in the prompt, by name. */
function readBeside({ snippets = [] }: CompletionRequest): string {
  return snippets.length > 0 ? ` beside ${snippets.map(({ path }) => path).join(', ')}` : '';
}

/** How an editor that shows the document indents it: it has looked at the text, or it has the user's own choice. */
function indentOf(document: vscode.TextDocument, editors: readonly vscode.TextEditor[]): IndentOptions | undefined {
  const options = editors.find((editor) => editor.document === document)?.options;
  // While they are read they are always numbers and truth values.
  if (typeof options?.tabSize !== 'number' || typeof options.insertSpaces !== 'boolean') return undefined;
  return { tabSize: options.tabSize, insertSpaces: options.insertSpaces };
}

/** A completion that is wanted, and where its text goes. */
interface Target {
  readonly request: CompletionRequest;
  /** What the text replaces, brackets after the cursor not counted. */
  readonly range: vscode.Range;
  /** What the text begins with: the item that is selected in the list of suggestions, empty where there is none. */
  readonly lead: string;
}

/** The completion that the editor wants: of the document as it is, or as it would be with the selected item. */
function targetAt(
  document: vscode.TextDocument,
  position: vscode.Position,
  context: vscode.InlineCompletionContext,
  closed: string | undefined,
  snippets: EditorSnippets,
): Target {
  const selected = context.selectedCompletionInfo;
  const fits = selected?.range.isSingleLine && selected.range.contains(position) && !/[\r\n]/.test(selected.text);
  const range = fits ? selected.range : new vscode.Range(position, position);
  const lead = fits ? selected.text : '';
  const { activeTextEditor, visibleTextEditors } = vscode.window;
  const line = document.lineAt(position.line).range;
  const excerpt = excerptAt(document, range, lead);
  const request = {
    ...excerpt,
    indent: indentOf(document, visibleTextEditors),
    snippets: snippets.around(document, excerpt),
    document: document.uri.toString(),
    lineSuffix: document.getText(new vscode.Range(range.end, line.end)).slice(0, EXCERPT_SUFFIX_CHARS),
    lineLength: line.end.character,
    explicit: context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke,
    enabled: vscode.workspace.getConfiguration('matcoder', document).get('enabled', true),
    closed,
    scheme: document.uri.scheme,
    languageId: document.languageId,
    // Compositions of an input method are VS Code's to keep out, which it does since 1.96 (microsoft/vscode#233208): its
    // API tells no extension of them, nor in which of several editors the request was made.
    ...selectionsIn(document, activeTextEditor, visibleTextEditors),
  };
  return { request, range, lead };
}
