import assert from 'node:assert/strict';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import {
  createConnection,
  createProtocolConnection,
  DidOpenTextDocumentNotification,
  InitializedNotification,
  InitializeRequest,
  type InlineCompletionItem,
  InlineCompletionRequest,
  InlineCompletionTriggerKind,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node';
import { openServer } from '../../src/serve/http/open';
import type { Listening } from '../../src/serve/http/server';
import { serveLsp } from '../../src/serve/lsp/server';
import { readSettings } from '../../src/session/settings';
import { temporaryFolder } from '../temporary';
import { llamaVim, llamaVscode } from '../unit/serve/requests';
import { ROOT } from './harness';

const MODEL = join(ROOT, 'models', 'matlm-6m');
const LINES = Array.from({ length: 8 }, (_, i) => `const value${i} = readValue(${i});\n`).join('');
const SETTINGS = { submodel: 'XL', eagerness: 'eager' } as const;
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

describe('other editors with the real engine', () => {
  let folder: string;
  let server: Listening;
  let base: string;

  before(async () => {
    folder = temporaryFolder();
    const settings = readSettings(
      (name) => (SETTINGS as Partial<Record<string, string>>)[name],
      (fault) => {
        throw new Error(fault);
      },
    );
    const where = { root: ROOT, model: MODEL, port: 0, token: undefined, socketFolder: folder };
    server = await openServer({ ...where, settings, log: quiet });
    base = `http://127.0.0.1:${server.port}`;
    while ((await fetch(`${base}/health`)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
  });
  after(() => server.close());

  async function post(path: string, body: object): Promise<Record<string, unknown>> {
    const reply = await fetch(`${base}${path}`, { method: 'POST', body: JSON.stringify(body) });
    assert.equal(reply.status, 200);
    return (await reply.json()) as Record<string, unknown>;
  }

  it('give llama.vim, llama.vscode and a client of OpenAI the same text at the same place', async () => {
    const [prefix, prompt, suffix] = [LINES, 'const value8 = read', '\n'];
    const vim = await post('/infill', llamaVim(prefix, prompt, suffix));
    assert.match(String(vim.content), /^Value\(/);
    const code = (await post('/infill', llamaVscode(prefix, prompt, suffix))) as unknown as Record<string, unknown>[];
    assert.equal(code[0]!.content, vim.content);
    const open = await post('/v1/completions', { prompt: prefix + prompt, suffix });
    assert.equal((open.choices as { text: string }[])[0]!.text, vim.content);
  });

  it('show a client of the language server the rest of the line', async () => {
    const [up, down] = [new PassThrough(), new PassThrough()];
    const connection = createConnection(new StreamMessageReader(up), new StreamMessageWriter(down));
    const lsp = serveLsp(connection, { root: ROOT, model: MODEL, version: '1', threads: 0, socketFolder: folder });
    const client = createProtocolConnection(new StreamMessageReader(down), new StreamMessageWriter(up));
    client.listen();
    try {
      const start = { processId: null, rootUri: null, capabilities: {}, initializationOptions: SETTINGS };
      await client.sendRequest(InitializeRequest.type, start);
      await client.sendNotification(InitializedNotification.type, {});
      const uri = 'untitled:a.ts';
      const text = `${LINES}const value8 = read`;
      const textDocument = { uri, languageId: 'typescript', version: 1, text };
      await client.sendNotification(DidOpenTextDocumentNotification.type, { textDocument });
      const params = {
        textDocument: { uri },
        position: { line: 8, character: 19 },
        context: { triggerKind: InlineCompletionTriggerKind.Invoked },
      };
      let items: InlineCompletionItem[] = [];
      while (items.length === 0) {
        items = (await client.sendRequest(InlineCompletionRequest.type, params)) as InlineCompletionItem[];
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.match(JSON.stringify(items[0]!.insertText), /^"Value\(/);
    } finally {
      lsp.dispose();
      client.dispose();
    }
  });
});
