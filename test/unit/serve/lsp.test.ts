import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import {
  CancellationTokenSource,
  ConfigurationRequest,
  createConnection,
  createProtocolConnection,
  DidChangeTextDocumentNotification,
  DidOpenTextDocumentNotification,
  InitializedNotification,
  type InitializeResult,
  type InlineCompletionItem,
  InlineCompletionRequest,
  InlineCompletionTriggerKind,
  LSPErrorCodes,
  type Position,
  type ProtocolConnection,
  type ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import { serveLsp } from '../../../src/serve/lsp/server';
import { small } from '../model';
import { temporaryFolder } from '../../temporary';
import { ServedWorld } from './writingEngine';

const { Invoked, Automatic } = InlineCompletionTriggerKind;

/** An editor: a client of the protocol by its library, with one document. */
class Editor {
  readonly log: string[] = [];
  version = 1;
  text = '';
  settings: unknown = { submodel: 'S', eagerness: 'eager' };
  initialized: InitializeResult | undefined;

  constructor(
    readonly client: ProtocolConnection,
    readonly uri: string,
  ) {
    client.onNotification('window/logMessage', ({ message }: { message: string }) => {
      this.log.push(message);
    });
    client.onRequest(ConfigurationRequest.type, () => [this.settings]);
    client.listen();
  }

  async initialize(root: string | null = null, hasConfiguration = true): Promise<void> {
    const folder = root === null ? null : [{ uri: pathToFileURL(root).href, name: 'w' }];
    this.initialized = await this.client.sendRequest<InitializeResult>('initialize', {
      processId: null,
      capabilities: { workspace: { configuration: hasConfiguration } },
      initializationOptions: this.settings,
      workspaceFolders: folder,
    });
    await this.client.sendNotification(InitializedNotification.type, {});
  }

  /** @param text with the cursor drawn */
  async open(text: string, languageId = 'typescript'): Promise<void> {
    this.text = text.replace('█', '');
    const textDocument = { uri: this.uri, languageId, version: this.version, text: this.text };
    await this.client.sendNotification(DidOpenTextDocumentNotification.type, { textDocument });
  }

  async type(position: Position, text: string): Promise<void> {
    const textDocument = { uri: this.uri, version: ++this.version };
    const contentChanges = [{ range: { start: position, end: position }, text }];
    await this.client.sendNotification(DidChangeTextDocumentNotification.type, { textDocument, contentChanges });
  }

  /** The server has read all that was sent. */
  async wasHeard(): Promise<void> {
    await assert.rejects(this.client.sendRequest('matcoder/unknown'));
  }

  async items(
    position: Position,
    triggerKind: InlineCompletionTriggerKind = Automatic,
    more: object = {},
  ): Promise<InlineCompletionItem[]> {
    const params = { textDocument: { uri: this.uri }, position, context: { triggerKind, ...more } };
    return ((await this.client.sendRequest(InlineCompletionRequest.type, params)) ?? []) as InlineCompletionItem[];
  }
}

describe('the language server', () => {
  let checkpoint: Checkpoint;
  let world: ServedWorld;
  let editor: Editor;
  let server: { dispose(): void };

  before(async () => {
    checkpoint = await small();
  });

  function connect(texts: readonly string[], uri = 'file:///w/a.ts', isReady = true): void {
    world = new ServedWorld(checkpoint);
    const [up, down] = [new PassThrough(), new PassThrough()];
    const connection = createConnection(new StreamMessageReader(up), new StreamMessageWriter(down));
    server = serveLsp(connection, {
      root: '',
      model: 'm',
      version: '1',
      threads: 0,
      open: world.opener(texts, isReady),
    });
    editor = new Editor(createProtocolConnection(new StreamMessageReader(down), new StreamMessageWriter(up)), uri);
  }

  async function started(texts: readonly string[], text: string, uri?: string): Promise<void> {
    connect(texts, uri);
    await editor.initialize();
    await editor.open(text);
    while (!editor.log.some((line) => line.startsWith('engine ready')))
      await new Promise((resolve) => setTimeout(resolve, 1));
  }

  afterEach(() => {
    server.dispose();
    editor.client.dispose();
  });

  it('offers inline completions, and follows documents by their edits', async () => {
    connect(['x']);
    await editor.initialize();
    const { capabilities, serverInfo } = editor.initialized!;
    assert.equal(capabilities.inlineCompletionProvider, true);
    assert.deepEqual(capabilities.textDocumentSync, { openClose: true, change: 2, save: true });
    assert.equal(serverInfo!.name, 'matcoder');
  });

  it('answers with the text to insert and the place of it', async () => {
    await started(['count + 1;'], 'let count = 0;\ntotal = ');
    assert.deepEqual(await editor.items({ line: 1, character: 8 }), [
      {
        insertText: 'count + 1;',
        range: { start: { line: 1, character: 8 }, end: { line: 1, character: 8 } },
      },
    ]);
  });

  it('shows the rest of a suggestion while it is typed, without another decode', async () => {
    await started(['count + 1;'], 'let count = 0;\ntotal = ');
    await editor.items({ line: 1, character: 8 });
    await editor.type({ line: 1, character: 8 }, 'cou');
    const [rest] = await editor.items({ line: 1, character: 11 });
    assert.equal(rest!.insertText, 'nt + 1;');
    assert.equal(world.writer.requests.length, 1);
  });

  it('completes after a suggestion that was accepted', async () => {
    await started(['count + 1;'], 'let count = 0;\ntotal = ');
    await editor.items({ line: 1, character: 8 });
    await editor.type({ line: 1, character: 8 }, 'count + 1;');
    world.writer.texts = ['\nreturn total;'];
    const [next] = await editor.items({ line: 1, character: 18 });
    assert.match(JSON.stringify(next!.insertText), /^"\\nreturn/);
  });

  it('offers alternatives to cycle through if it is asked by hand', async () => {
    await started(['count + 1;', 'alpha;', 'beta();'], 'let count = 0;\ntotal = ');
    const items = await editor.items({ line: 1, character: 8 }, Invoked);
    assert.deepEqual(
      items.map(({ insertText }) => insertText),
      ['count + 1;', 'alpha;', 'beta();'],
    );
  });

  it('continues the selected item of the completion menu', async () => {
    await started(['(path);'], 'const text = read');
    const range = { start: { line: 0, character: 13 }, end: { line: 0, character: 17 } };
    const [item] = await editor.items({ line: 0, character: 17 }, Automatic, {
      selectedCompletionInfo: { range, text: 'readFile' },
    });
    assert.deepEqual([item!.insertText, item!.range], ['readFile(path);', range]);
  });

  it('answers a cancelled request as cancelled', async () => {
    await started(['count'], 'total = ');
    world.writer.isHeld = true;
    const source = new CancellationTokenSource();
    const params = {
      textDocument: { uri: editor.uri },
      position: { line: 0, character: 8 },
      context: { triggerKind: Automatic },
    };
    const answer = editor.client.sendRequest(InlineCompletionRequest.type, params, source.token);
    while (world.writer.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    source.cancel();
    await assert.rejects(answer, (error: ResponseError) => error.code === LSPErrorCodes.RequestCancelled);
  });

  it('drops an answer for a text that has changed meanwhile', async () => {
    await started(['count'], 'total = ');
    world.writer.isHeld = true;
    const answer = editor.items({ line: 0, character: 8 });
    while (world.writer.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await editor.type({ line: 0, character: 8 }, 'c');
    await editor.wasHeard();
    world.writer.release();
    assert.deepEqual(await answer, []);
  });

  it('asks the editor for its settings, and follows them', async () => {
    connect(['count']);
    editor.settings = { submodel: 'S', enabled: false, eagerness: 'bold', modelPath: '/elsewhere' };
    await editor.initialize();
    await editor.open('total = ');
    while (!editor.log.some((line) => line.startsWith('engine ready')))
      await new Promise((resolve) => setTimeout(resolve, 1));
    assert.deepEqual(await editor.items({ line: 0, character: 8 }), []);
    assert.ok(editor.log.some((line) => line.includes('matcoder.eagerness is "bold"')));
    assert.equal(world.options!.settings().modelPath, '');
    editor.settings = { submodel: 'S', eagerness: 'eager' };
    await editor.client.sendNotification('workspace/didChangeConfiguration', { settings: null });
    let items: InlineCompletionItem[] = [];
    while (items.length === 0) items = await editor.items({ line: 0, character: 8 });
    assert.equal(items[0]!.insertText, 'count');
  });

  it('takes settings that come at the start or are pushed, if it cannot ask', async () => {
    connect(['count']);
    editor.settings = { submodel: 'S', enabled: false };
    await editor.initialize(null, false);
    await editor.open('total = ');
    while (!editor.log.some((line) => line.startsWith('engine ready')))
      await new Promise((resolve) => setTimeout(resolve, 1));
    assert.deepEqual(await editor.items({ line: 0, character: 8 }), []);
    const settings = { matcoder: { submodel: 'S', eagerness: 'eager' } };
    await editor.client.sendNotification('workspace/didChangeConfiguration', { settings });
    assert.equal((await editor.items({ line: 0, character: 8 })).length, 1);
  });

  it('answers with nothing before the engine is ready, and for a document that was never opened', async () => {
    connect(['count'], undefined, false);
    await editor.initialize();
    await editor.open('total = ');
    assert.deepEqual(await editor.items({ line: 0, character: 8 }), []);
    while (world.engine.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    world.writer.ready();
    const params = {
      textDocument: { uri: 'file:///w/never.ts' },
      position: { line: 0, character: 0 },
      context: { triggerKind: Automatic },
    };
    assert.deepEqual(await editor.client.sendRequest(InlineCompletionRequest.type, params), []);
  });

  it('takes positions past the end for the end, and edits that make no sense for ones that do', async () => {
    await started(['count'], 'total = ');
    for (const position of [
      { line: 99, character: 0 },
      { line: 0, character: 1e9 },
      { line: -1, character: -1 },
      { line: 0.5, character: NaN },
    ]) {
      assert.ok(Array.isArray(await editor.items(position)));
    }
    const [item] = await editor.items({ line: 7, character: 7 });
    assert.deepEqual(item!.range!.start, { line: 0, character: 8 });
    await editor.type({ line: 9, character: 9 }, 'x');
    assert.ok(Array.isArray(await editor.items({ line: 0, character: 9 })));
  });

  it('knows the files of the workspace that may be quoted', async () => {
    const root = temporaryFolder();
    writeFileSync(join(root, 'near.ts'), 'export const near = 1;\n');
    writeFileSync(join(root, 'hidden.ts'), 'export const hidden = 1;\n');
    writeFileSync(join(root, '.matcoderignore'), 'hidden.ts\n');
    writeFileSync(join(root, '.env'), 'A=1\n');
    connect(['x'], pathToFileURL(join(root, 'a.ts')).href);
    await editor.initialize(root);
    await editor.open('import { near } from "./near";\nconst a = near;\n');
    const knows = (text: string) => world.engine.some(({ remembered }) => remembered.some((one) => one.includes(text)));
    while (!knows('near = 1') || !knows('const a = near')) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(!knows('hidden = 1') && !knows('A=1'));
  });

  it('does nothing in a file that .matcoderignore lists', async () => {
    const root = temporaryFolder();
    writeFileSync(join(root, '.matcoderignore'), 'a.ts\n');
    connect(['x'], pathToFileURL(join(root, 'a.ts')).href);
    await editor.initialize(root);
    await editor.open('const a = ');
    while (!editor.log.some((line) => line.startsWith('engine ready')))
      await new Promise((resolve) => setTimeout(resolve, 1));
    assert.deepEqual(await editor.items({ line: 0, character: 10 }), []);
    assert.ok(editor.log.some((line) => line.includes('.matcoderignore lists the file')));
  });
});
