import * as vscode from 'vscode';
import { AskingAgain, type Place } from './askingAgain';
import { excerptAt } from './excerpt';
import type { EditorFiles } from './files';
import { inBackground } from '../background';
import type { IndentOptions } from '../cursor';
import type { EditorSnippets } from './snippets';
import { describe, type Outcome } from '../outcome';
import type { Pipeline } from '../pipeline';
import { EXCERPT_SUFFIX_CHARS } from '../prompt/prompt';
import type { CompletionRequest } from '../request';
import { selectionsIn } from './selections';
import { isStale } from './stale';
import { Trace } from '../trace';

export interface ProviderParts {
  /** Undefined while the engine is not ready. */
  readonly pipeline: () => Pipeline | undefined;
  readonly files: EditorFiles;
  readonly snippets: EditorSnippets;
  /** Whether suggestions while typing are on in a document. */
  readonly isEnabledIn: (document: vscode.TextDocument) => boolean;
  readonly log: vscode.LogOutputChannel;
  /** A completion is in progress. */
  readonly onRequest: (answer: Promise<Outcome>) => void;
  readonly onOutcome: (outcome: Outcome, document: vscode.TextDocument) => void;
  /** Ghost text was handed to the editor. */
  readonly onOffer: (offer: GhostText) => void;
  /** Run if a suggestion is accepted entirely, with the number of its request; for an alternative also with its text. */
  readonly acceptedCommand: string;
}

/** Ghost text as the editor was given it. */
export interface GhostText {
  /** Number of the request. */
  readonly request: number;
  /** URI of the document. */
  readonly document: string;
  /** Offset in the document. */
  readonly offset: number;
  readonly text: string;
  /** Name of the submodel that wrote it. */
  readonly submodel: string;
}

/** The document changed while the request waited, so its position means something else now. */
const STALE: Outcome = { kind: 'superseded', reason: 'the document changed before the answer was ready' };

/**
 * The editor's side of a completion. Only stable API: a published extension that defines the shown and accepted
 * handlers, or passes metadata when it registers, fails to register at all.
 */
export class CompletionProvider implements vscode.InlineCompletionItemProvider {
  private requests = 0;
  private readonly askingAgain = new AskingAgain();

  constructor(private readonly parts: ProviderParts) {}

  async provideInlineCompletionItems(
    document: vscode.TextDocument,
    position: vscode.Position,
    context: vscode.InlineCompletionContext,
    token: vscode.CancellationToken,
  ): Promise<vscode.InlineCompletionItem[] | undefined> {
    const { log, pipeline: current } = this.parts;
    const number = ++this.requests;
    const pipeline = current();
    if (!pipeline) {
      log.info(`request ${number}: not answered, the engine is not ready`);
      return undefined;
    }
    const cancelled = new AbortController();
    const subscription = token.onCancellationRequested(() => {
      cancelled.abort('the editor cancelled the request');
    });
    try {
      return await this.itemsAt({ number, document, position, context }, pipeline, cancelled.signal);
    } catch (error) {
      log.error(`request ${number}: failed, ${String(error)}`);
      return undefined;
    } finally {
      subscription.dispose();
    }
  }

  /**
   * Have the editor ask again where the governor declined last, because it asks after keys alone. Not if anything has changed
   * since: the text, the cursor, the editor or the window.
   */
  askAgain(): void {
    const { activeTextEditor: editor, state } = vscode.window;
    const place = editor && placeIn(editor.document, editor.selection.active);
    if (!place || !state.focused || !editor.selection.isEmpty || !this.askingAgain.begin(place)) return;
    const end = () => {
      this.askingAgain.end();
    };
    // Versions of VS Code that do not know the argument say that the user has asked.
    const how = { explicit: false };
    inBackground(
      vscode.commands.executeCommand('editor.action.inlineSuggest.trigger', how).then(end, (error: unknown) => {
        end();
        throw error;
      }),
      (reason) => {
        this.parts.log.warn(`the editor could not be told to ask again: ${reason}`);
      },
    );
  }

  private async itemsAt(
    { number, document, position, context }: Asked,
    pipeline: Pipeline,
    signal: AbortSignal,
  ): Promise<vscode.InlineCompletionItem[] | undefined> {
    const { files, snippets, log, isEnabledIn, onRequest, onOutcome, onOffer, acceptedCommand } = this.parts;
    const offset = document.offsetAt(position);
    const place = placeIn(document, position);
    const isAskingAgain = this.askingAgain.take(place);
    const explicit = context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke && !isAskingAgain;
    const hasChanged = staleness(document, position);
    const trace = new Trace(() => performance.now());
    const closed = await files.closed(document.uri);
    if (hasChanged()) {
      this.superseded(number, document);
      return undefined;
    }
    const here = { context, explicit, closed, enabled: isEnabledIn(document) };
    const { request, range, lead } = targetAt(document, position, here, snippets);
    trace.end('context');
    const startedMs = performance.now();
    const answer = pipeline.complete(request, signal, trace);
    onRequest(answer);
    const outcome = await answer;
    log.info(`request ${number}: ${describe(outcome)} [${trace.toString()}]${readBeside(request)}`);
    onOutcome(outcome, document);
    this.askingAgain.answered(outcome.kind === 'declined' ? place : undefined);
    if (signal.aborted || !('suggestion' in outcome)) return undefined;
    const { suggestion } = outcome;
    const others = request.explicit
      ? await pipeline.alternatives(request, suggestion, signal, performance.now() - startedMs)
      : [];
    if (isAborted(signal)) return undefined;
    if (hasChanged()) {
      this.superseded(number, document);
      return undefined;
    }
    const submodel = outcome.kind === 'shown' ? outcome.work.submodel : outcome.submodel;
    onOffer({ request: number, document: request.document, offset, text: suggestion.text, submodel });
    log.trace(`request ${number}: ${JSON.stringify([suggestion, ...others])}`);
    return [suggestion, ...others].map(({ text, replaces }, i) => {
      const item = new vscode.InlineCompletionItem(lead + text, range.with({ end: range.end.translate(0, replaces) }));
      item.command = { command: acceptedCommand, title: '', arguments: [number, ...(i > 0 ? [text] : [])] };
      return item;
    });
  }

  private superseded(number: number, document: vscode.TextDocument): void {
    this.parts.log.info(`request ${number}: ${describe(STALE)}`);
    this.parts.onOutcome(STALE, document);
  }
}

function placeIn(document: vscode.TextDocument, position: vscode.Position): Place {
  return { document: document.uri.toString(), version: document.version, offset: document.offsetAt(position) };
}

/** A request as the editor makes it. */
interface Asked {
  readonly number: number;
  readonly document: vscode.TextDocument;
  readonly position: vscode.Position;
  readonly context: vscode.InlineCompletionContext;
}

/** Tells, whenever it is asked, whether the position has become stale since now. */
function staleness(document: vscode.TextDocument, { line, character }: vscode.Position): () => boolean {
  const asked = { version: document.version, line, character };
  return () =>
    isStale(asked, {
      version: document.version,
      isClosed: document.isClosed,
      lineCount: document.lineCount,
      lineLength: (n) => document.lineAt(n).range.end.character,
    });
}

/** Whether it is aborted by now: the type checker takes a property that it has seen once for constant. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** For the log: the other files with text in the prompt, by name. */
function readBeside({ snippets = [] }: CompletionRequest): string {
  return snippets.length > 0 ? ` with snippets from ${snippets.map(({ path }) => path).join(', ')}` : '';
}

/** The indentation of the editor that shows the document: detected from the text, or the user's setting. */
function indentOf(document: vscode.TextDocument, editors: readonly vscode.TextEditor[]): IndentOptions | undefined {
  const options = editors.find((editor) => editor.document === document)?.options;
  // The API reads them as numbers and booleans, although it may set them to `auto`.
  if (typeof options?.tabSize !== 'number' || typeof options.insertSpaces !== 'boolean') return undefined;
  return { tabSize: options.tabSize, insertSpaces: options.insertSpaces };
}

/** The request for a completion, and the place of its text. */
interface Target {
  readonly request: CompletionRequest;
  /** The range that the text replaces, without brackets after the cursor. */
  readonly range: vscode.Range;
  /** The text's beginning: the item that is selected in the list of suggestions; empty if none is. */
  readonly lead: string;
}

/** What a request depends on apart from the text. */
interface Circumstances extends Pick<CompletionRequest, 'explicit' | 'enabled' | 'closed'> {
  readonly context: vscode.InlineCompletionContext;
}

/** The completion of the document as it is, or as it would be with the selected item of the list of suggestions. */
function targetAt(
  document: vscode.TextDocument,
  position: vscode.Position,
  { context, ...asked }: Circumstances,
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
    ...asked,
    scheme: document.uri.scheme,
    languageId: document.languageId,
    // Compositions of an input method are VS Code's to keep out, which it does since 1.96 (microsoft/vscode#233208): its
    // API tells no extension of them, nor in which of several editors the request was made.
    ...selectionsIn(document, activeTextEditor, visibleTextEditors),
  };
  return { request, range, lead };
}
