import * as vscode from 'vscode';
import { phrase } from '../../localisation/phrase';
import { isAborted } from '../abort';
import { AskingAgain, type EditorCursor } from './askingAgain';
import { excerptAt } from './excerpt';
import type { EditorFiles } from './files';
import type { EditorMemory } from './memory';
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
  readonly memory: Pick<EditorMemory, 'placeOf'>;
  /** Whether suggestions while typing are enabled in a document. */
  readonly isEnabledIn: (document: vscode.TextDocument) => boolean;
  readonly log: vscode.LogOutputChannel;
  /** A request has begun. */
  readonly onRequest: (answer: Promise<Outcome>, isByHand: boolean) => void;
  readonly onOutcome: (outcome: Outcome, document: vscode.TextDocument) => void;
  /** Ghost text was handed to the editor. */
  readonly onOffer: (offer: OfferedText) => void;
  /** Run when a suggestion is accepted entirely, with the number of its request, and for an alternative also its text. */
  readonly acceptedCommand: string;
}

/** Ghost text as it was handed to the editor. */
export interface OfferedText {
  /** Number of the request. */
  readonly request: number;
  /** URI of the document. */
  readonly document: string;
  /** Offset in the document. */
  readonly offset: number;
  readonly text: string;
  /** Name of the submodel. */
  readonly submodel: string;
}

/** The document changed while the request waited, so its position means something else now. */
const STALE: Outcome = { kind: 'superseded', reason: phrase('the document changed before the answer was ready') };

/**
 * The editor's side of a completion. It uses the stable API only: the registration of a published extension fails if it
 * defines the shown and accepted handlers or passes metadata.
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
   * Have the editor repeat the last declined request, because it makes requests only after keys. If the text, the cursor,
   * the editor or the window has changed since, nothing happens.
   */
  askAgain(): void {
    const { activeTextEditor: editor, state } = vscode.window;
    const cursor = editor && cursorIn(editor.document, editor.selection.active);
    if (!cursor || !state.focused || !editor.selection.isEmpty || !this.askingAgain.begin(cursor)) return;
    const end = () => {
      this.askingAgain.end();
    };
    // Versions of VS Code that do not know the argument report a request by hand.
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
    { number, document, position, context }: EditorRequest,
    pipeline: Pipeline,
    signal: AbortSignal,
  ): Promise<vscode.InlineCompletionItem[] | undefined> {
    const { files, snippets, memory, log, isEnabledIn, onRequest, onOutcome, onOffer, acceptedCommand } = this.parts;
    const offset = document.offsetAt(position);
    const cursor = cursorIn(document, position);
    const isAskingAgain = this.askingAgain.take(cursor);
    const explicit = context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke && !isAskingAgain;
    const hasChanged = staleness(document, position);
    const trace = new Trace(() => performance.now());
    const closed = await files.closed(document.uri);
    if (hasChanged()) {
      this.superseded(number, document);
      return undefined;
    }
    const here = { context, explicit, closed, enabled: isEnabledIn(document) };
    const { request, range, lead } = targetAt(document, position, here, snippets, memory);
    trace.end('context');
    const startedMs = performance.now();
    const answer = pipeline.complete(request, signal, trace);
    onRequest(answer, explicit);
    const outcome = await answer;
    log.info(`request ${number}: ${describe(outcome)} [${trace.toString()}]${quotedFiles(request)}`);
    onOutcome(outcome, document);
    this.askingAgain.answered(mayBeAnsweredLater(outcome) ? cursor : undefined);
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

/** Whether a pause may bring an answer to a request that got none. */
function mayBeAnsweredLater({ kind }: Outcome): boolean {
  return kind === 'declined' || kind === 'unsure' || kind === 'empty';
}

function cursorIn(document: vscode.TextDocument, position: vscode.Position): EditorCursor {
  return { document: document.uri.toString(), version: document.version, offset: document.offsetAt(position) };
}

/** A request as the editor makes it, with its number for the log. */
interface EditorRequest {
  readonly number: number;
  readonly document: vscode.TextDocument;
  readonly position: vscode.Position;
  readonly context: vscode.InlineCompletionContext;
}

/** Returns a function that tells whether the position has become stale since now. */
function staleness(document: vscode.TextDocument, { line, character }: vscode.Position): () => boolean {
  const requested = { version: document.version, line, character };
  return () =>
    isStale(requested, {
      version: document.version,
      isClosed: document.isClosed,
      lineCount: document.lineCount,
      lineLength: (n) => document.lineAt(n).range.end.character,
    });
}

/** For the log: the names of the other files with text in the prompt. */
function quotedFiles({ snippets = [] }: CompletionRequest): string {
  return snippets.length > 0 ? ` with snippets from ${snippets.map(({ path }) => path).join(', ')}` : '';
}

/** The indentation of the editor that shows the document: detected from the text, or the user's setting. */
function indentOf(document: vscode.TextDocument, editors: readonly vscode.TextEditor[]): IndentOptions | undefined {
  const options = editors.find((editor) => editor.document === document)?.options;
  // The API reads them as numbers and booleans, although they may be set to `auto`.
  if (typeof options?.tabSize !== 'number' || typeof options.insertSpaces !== 'boolean') return undefined;
  return { tabSize: options.tabSize, insertSpaces: options.insertSpaces };
}

/** The request for a completion, and the place of its text. */
interface Target {
  readonly request: CompletionRequest;
  /** The range that the text replaces, without brackets after the cursor. */
  readonly range: vscode.Range;
  /** The beginning of the text: the selected item of the suggestions widget; empty if none is selected. */
  readonly lead: string;
}

/** The input of a request apart from the text. */
interface Circumstances extends Pick<CompletionRequest, 'explicit' | 'enabled' | 'closed'> {
  readonly context: vscode.InlineCompletionContext;
}

/** The request for the document as it is, or as it would be with the selected item of the suggestions widget. */
function targetAt(
  document: vscode.TextDocument,
  position: vscode.Position,
  { context, ...circumstances }: Circumstances,
  snippets: EditorSnippets,
  memory: Pick<EditorMemory, 'placeOf'>,
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
    memory: memory.placeOf(document, position),
    document: document.uri.toString(),
    lineSuffix: document.getText(new vscode.Range(range.end, line.end)).slice(0, EXCERPT_SUFFIX_CHARS),
    lineLength: line.end.character,
    ...circumstances,
    scheme: document.uri.scheme,
    languageId: document.languageId,
    // VS Code makes no requests during the composition of an input method since 1.96 (microsoft/vscode#233208). Its API
    // reports neither compositions nor which of several editors made the request.
    ...selectionsIn(document, activeTextEditor, visibleTextEditors),
  };
  return { request, range, lead };
}
