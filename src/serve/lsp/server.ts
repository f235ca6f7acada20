import { fileURLToPath } from 'node:url';
import {
  type Connection,
  type InitializeParams,
  type InitializeResult,
  type InlineCompletionItem,
  type InlineCompletionParams,
  LSPErrorCodes,
  ResponseError,
  type CancellationToken,
  TextDocuments,
  TextDocumentSyncKind,
} from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { inBackground } from '../../completion/background';
import { describe } from '../../completion/outcome';
import { documentPath } from '../../completion/prompt/path';
import type { CompletionRequest } from '../../completion/request';
import { Trace } from '../../completion/trace';
import { codePlaceAt } from '../../governor/place';
import { isStrained } from '../../governor/machine';
import type { Log } from '../../session/parts';
import { readSettings, type Settings } from '../../session/settings';
import { isObject } from '../../matlm/json';
import { openSession, type OpenedSession, type OpenSession } from '../openSession';
import { DiskWorkspace } from '../workspace/diskWorkspace';
import { OpenFiles } from '../workspace/openFiles';
import { applyChanges } from './documents';
import { itemOf, type Target, targetAt } from './target';

export interface LspOptions {
  /** The folder of the installation. */
  readonly root: string;
  /** The folder of the checkpoint. */
  readonly model: string;
  readonly version: string;
  /** Of the engine; 0 for its own choice. */
  readonly threads: number;
  readonly socketFolder?: string | undefined;
  /** Opens the session; replaced by tests without an engine. */
  readonly open?: OpenSession;
}

/** After the last key, an edited file enters the snippets of others. */
const REMEMBER_MS = 500;

/**
 * Serve one editor over a connection of the Language Server Protocol: `textDocument/inlineCompletion` (3.18), with the settings of
 * VS Code under `matcoder`. It does nothing else, so that it runs next to the server of a language.
 */
export function serveLsp(connection: Connection, options: LspOptions): { dispose(): void } {
  const server = new LspServer(connection, options);
  connection.listen();
  return server;
}

class LspServer {
  private readonly documents: TextDocuments<TextDocument>;
  private readonly log: Log;
  private settings: Settings = readSettings(
    () => undefined,
    () => undefined,
  );
  private hasConfiguration = false;
  private opened: OpenedSession | undefined;
  private workspace: DiskWorkspace | undefined;
  private openFiles: OpenFiles | undefined;
  private requests = 0;
  private rememberTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly options: LspOptions,
  ) {
    const { console } = connection;
    this.log = {
      info: (text) => {
        console.info(text);
      },
      warn: (text) => {
        console.warn(text);
      },
      error: (text) => {
        console.error(text);
      },
    };
    this.documents = new TextDocuments({
      create: (uri, language, version, text) => TextDocument.create(uri, language, version, text),
      update: (document, changes, version) => {
        this.edited(document, changes, version);
        return document;
      },
    });
    this.documents.listen(connection);
    connection.onInitialize((params) => this.initialize(params));
    connection.onInitialized(() => this.begin());
    connection.onDidChangeConfiguration(({ settings }) => this.configure(settings));
    connection.onShutdown(() => {
      this.dispose();
    });
    connection.languages.inlineCompletion.on((params, token) => this.complete(params, token));
    this.documents.onDidOpen(({ document }) => {
      this.inBackground(this.look(document));
    });
    this.documents.onDidSave(({ document }) => {
      const path = pathOf(document.uri);
      if (path !== undefined && this.openFiles) this.inBackground(this.openFiles.remember(path));
    });
    this.documents.onDidClose(({ document }) => {
      const path = pathOf(document.uri);
      // Unsaved changes may have been discarded.
      if (path !== undefined) this.workspace?.changed(path);
    });
  }

  dispose(): void {
    clearTimeout(this.rememberTimer);
    this.workspace?.dispose();
    this.opened?.dispose();
    this.opened = undefined;
  }

  private initialize({
    capabilities,
    initializationOptions,
    workspaceFolders,
    ...old
  }: InitializeParams): InitializeResult {
    this.hasConfiguration = capabilities.workspace?.configuration === true;
    this.settings = this.read(initializationOptions);
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- Emacs and others send these alone
    const uris = workspaceFolders?.map(({ uri }) => uri) ?? (old.rootUri == null ? [] : [old.rootUri]);
    const roots = uris.flatMap((uri) => pathOf(uri) ?? []);
    this.workspace = new DiskWorkspace({
      roots,
      openDocument: (path) => this.documentAt(path),
      isOn: this.settings.workspaceMemory,
      isStrained: () => this.opened !== undefined && isStrained(this.opened.session.machine),
      log: this.log,
      onForbidden: () => {
        this.opened?.session.pipeline?.reset();
        this.openFiles?.clear();
      },
    });
    this.openFiles = new OpenFiles(this.workspace, () => this.settings.relatedFiles);
    return {
      capabilities: {
        textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental, save: true },
        inlineCompletionProvider: true,
      },
      serverInfo: { name: 'matcoder', version: this.options.version },
    };
  }

  private async begin(): Promise<void> {
    if (this.hasConfiguration) await this.configure(undefined);
    const { root, model, socketFolder, open = openSession } = this.options;
    this.opened = open({
      ...{ root, model, socketFolder, log: this.log, settings: () => this.settings },
      onMemory: (memory) => {
        this.workspace?.attach(memory);
      },
    });
    await this.opened.session.start();
  }

  /** @param pushed settings that came with the notification, for clients that are not to be asked */
  private async configure(pushed: unknown): Promise<void> {
    if (this.hasConfiguration) this.settings = this.read(await this.connection.workspace.getConfiguration('matcoder'));
    else if (isObject(pushed)) this.settings = this.read(pushed);
    this.workspace?.setOn(this.settings.workspaceMemory);
  }

  /**
   * The editor's settings, alone or in an object with the key `matcoder`. Editors may take them from files of a project that the user does not trust, so the model and the
   * threads are those of the command line.
   */
  private read(values: unknown): Settings {
    const all = isObject(values) ? values : {};
    const known = isObject(all.matcoder) ? all.matcoder : all;
    const read = readSettings(
      (name) => known[name] ?? undefined,
      (fault) => {
        this.log.warn(fault);
      },
    );
    return { ...read, modelPath: '', importedModel: '', threads: this.options.threads };
  }

  private edited(document: TextDocument, changes: Parameters<typeof applyChanges>[1], version: number): void {
    const path = pathOf(document.uri);
    const edits = applyChanges(document, changes, version);
    const session = this.opened?.session;
    for (const { inserted, removedChars } of edits) {
      session?.pipeline?.edited(document.uri, inserted, removedChars);
    }
    const [edit, ...more] = edits;
    if (edit) session?.typed(more.length === 0 ? placeAt(document, edit.endOffset) : undefined);
    if (path === undefined) return;
    this.workspace?.edited(
      path,
      edits.map(({ lines }) => lines),
    );
    clearTimeout(this.rememberTimer);
    this.rememberTimer = setTimeout(() => {
      if (this.openFiles) this.inBackground(this.openFiles.remember(path));
    }, REMEMBER_MS);
  }

  /** The user works in a document. */
  private async look(document: TextDocument): Promise<void> {
    const path = pathOf(document.uri);
    if (path === undefined) return;
    this.workspace?.look(path, document.getText());
    await this.openFiles?.opened(path);
  }

  private async complete(
    { textDocument, position, context }: InlineCompletionParams,
    token: CancellationToken,
  ): Promise<InlineCompletionItem[] | ResponseError> {
    const number = ++this.requests;
    const document = this.documents.get(textDocument.uri);
    const pipeline = this.opened?.session.pipeline;
    if (!document || !pipeline) {
      const reason = document ? 'the engine is not ready' : 'its document was not opened';
      this.log.info(`request ${number}: not answered, ${reason}`);
      return [];
    }
    const { version } = document;
    const hasChanged = () => document.version !== version || this.documents.get(textDocument.uri) !== document;
    const trace = new Trace(() => performance.now());
    const startedMs = performance.now();
    const request = await this.requestOf(document, targetAt(document, position, context));
    if (hasChanged()) return [];
    trace.end('context');
    const cancelled = new AbortController();
    const subscription = token.onCancellationRequested(() => {
      cancelled.abort('the client cancelled the request');
    });
    if (token.isCancellationRequested) cancelled.abort('the client cancelled the request');
    try {
      const target = targetAt(document, position, context);
      const answer = pipeline.complete(request, cancelled.signal, trace);
      this.opened?.session.busyWhile(answer, request.explicit);
      const outcome = await answer;
      this.log.info(`request ${number}: ${describe(outcome)} [${trace.toString()}]`);
      if (cancelled.signal.aborted) return new ResponseError(LSPErrorCodes.RequestCancelled, 'cancelled');
      if (!('suggestion' in outcome)) return [];
      const { suggestion } = outcome;
      const others = request.explicit
        ? await pipeline.alternatives(request, suggestion, cancelled.signal, performance.now() - startedMs)
        : [];
      if (token.isCancellationRequested) return new ResponseError(LSPErrorCodes.RequestCancelled, 'cancelled');
      return hasChanged() ? [] : [suggestion, ...others].map((one) => itemOf(one, target));
    } finally {
      subscription.dispose();
    }
  }

  /** What the protocol does not tell, such as a selection or the width of a tab, is unknown. */
  private async requestOf(document: TextDocument, { around, position }: Target): Promise<CompletionRequest> {
    const { uri, languageId } = document;
    const file = pathOf(uri);
    const { workspace, openFiles } = this;
    const closed = file === undefined ? undefined : await workspace?.closed(file);
    const inside = file === undefined ? undefined : workspace?.relative(file);
    const path = documentPath(inside ?? file ?? nameOf(uri), languageId);
    if (file !== undefined) workspace?.look(file, around.head ?? around.prefix);
    return {
      ...around,
      path,
      document: uri,
      snippets: file === undefined ? [] : (openFiles?.around(file, { ...around, path }) ?? []),
      memory: file === undefined ? undefined : workspace?.placeOf(file, position.line),
      enabled: this.settings.enabled,
      closed,
      scheme: /^([a-z][\w+.-]*):/i.exec(uri)?.[1] ?? 'file',
      languageId,
      cursors: 1,
      hasSelection: false,
    };
  }

  private documentAt(path: string): TextDocument | undefined {
    return this.documents.all().find(({ uri }) => pathOf(uri) === path);
  }

  private inBackground(work: Promise<void>): void {
    inBackground(work, (reason) => {
      this.log.warn(`text of other files could not be read, and prompts go without it: ${reason}`);
    });
  }
}

/** The path of a file on this machine; undefined for other documents, such as unnamed ones. */
function pathOf(uri: string): string | undefined {
  if (!/^file:/i.test(uri)) return undefined;
  try {
    return fileURLToPath(uri);
  } catch {
    return undefined; // another machine's, or not encoded
  }
}

function nameOf(uri: string): string {
  const name = uri.slice(uri.search(/[^/:]*$/));
  return name === '' ? 'Untitled-1' : name;
}

function placeAt(document: TextDocument, offset: number): ReturnType<typeof codePlaceAt> {
  const end = document.positionAt(offset);
  const start = { line: Math.max(0, end.line - 1), character: 0 };
  return codePlaceAt(document.getText({ start, end }).replaceAll('\r\n', '\n'));
}
