/**
 * The time that HTTP and the language server add to the pipeline's own, request by request:
 *
 *   npx tsx bench/serve.mts [--model DIR] [--file FILE] [--cursors N]
 *
 * Server, clients and pipeline are in one process, and the engine is in its own. A fixed size answers, so that each request works alike.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  createConnection,
  createProtocolConnection,
  DidOpenTextDocumentNotification,
  InitializedNotification,
  InlineCompletionRequest,
  InlineCompletionTriggerKind,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node';
import type { Pipeline } from '../src/completion/pipeline';
import { openServer } from '../src/serve/http/open';
import { type OpenedSession, type OpenOptions, openSession } from '../src/serve/openSession';
import { serveLsp } from '../src/serve/lsp/server';
import { readSettings } from '../src/session/settings';

const root = resolve(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    model: { type: 'string', default: join(root, 'models', 'matlm-46m') },
    file: { type: 'string', default: join(root, 'src', 'completion', 'plan.ts') },
    cursors: { type: 'string', default: '40' },
  },
});
/** The engine's process has another working folder. */
const model = resolve(values.model);
const SIZE = { submodel: 'S' };
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const settings = readSettings(
  (name) => (SIZE as Partial<Record<string, string>>)[name],
  (fault) => {
    throw new Error(fault);
  },
);

/** Milliseconds of the pipeline for each request, in order. */
let own: number[] = [];
/** Takes the time of every pipeline of the program. */
function time(one: Pipeline | undefined): void {
  if (!one) throw new Error('the engine is not ready');
  const prototype = Object.getPrototypeOf(one) as Pipeline;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its pipeline below
  const { complete } = prototype;
  prototype.complete = async function (this: Pipeline, ...args) {
    const startMs = performance.now();
    try {
      return await complete.apply(this, args);
    } finally {
      own.push(performance.now() - startMs);
    }
  };
}

const lines = readFileSync(values.file, 'utf8').split('\n');
const cursors = Array.from({ length: Number(values.cursors) }, (_, i) =>
  Math.floor(((i + 1) * lines.length) / (Number(values.cursors) + 1)),
);

let opened: OpenedSession | undefined;
const open = (options: OpenOptions) => (opened = openSession(options));
const server = await openServer({ root, model, port: 0, token: undefined, settings, log: quiet, open });
const base = `http://127.0.0.1:${server.port}`;
while ((await fetch(`${base}/health`)).status !== 200) await setTimeout(50);
time(opened?.session.pipeline);

/** As many pieces of other files as llama.vim and llama.vscode send with each request. */
const PIECES = 16;
const PIECE_LINES = 64;
const pieces = Array.from({ length: PIECES }, (_, i) => ({
  text: lines.slice(4 * i, 4 * i + PIECE_LINES).join('\n'),
  time: i,
  filename: `src/piece${i}.ts`,
}));

/** Milliseconds of a request at a line, of which the first half is written. */
async function infill(line: number): Promise<number> {
  const text = lines[line] ?? '';
  const body = JSON.stringify({
    input_prefix: lines
      .slice(Math.max(0, line - 256), line)
      .map((one) => `${one}\n`)
      .join(''),
    prompt: text.slice(0, Math.ceil(text.length / 2)),
    input_suffix: `\n${lines.slice(line + 1, line + 65).join('\n')}\n`,
    filename: 'plan.ts',
    input_extra: pieces,
  });
  const startMs = performance.now();
  await post('/infill', body);
  return performance.now() - startMs;
}

/** Over a connection that stays, as llama.vscode's. */
const agent = new Agent({ keepAlive: true });
function post(path: string, body: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const message = request(`${base}${path}`, { method: 'POST', agent }, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (part: string) => (text += part));
      response.on('end', () => {
        resolve(JSON.parse(text));
      });
    });
    message.on('error', reject).end(body);
  });
}

async function openEditor(): Promise<{ ask: (line: number) => Promise<number>; close: () => void }> {
  const [up, down] = [new PassThrough(), new PassThrough()];
  const connection = createConnection(new StreamMessageReader(up), new StreamMessageWriter(down));
  const lsp = serveLsp(connection, { root, model, version: '', threads: 0 });
  const client = createProtocolConnection(new StreamMessageReader(down), new StreamMessageWriter(up));
  const isReady = new Promise<void>((done) => {
    client.onNotification('window/logMessage', ({ message }: { message: string }) => {
      if (message.startsWith('engine ready')) done();
    });
  });
  client.listen();
  await client.sendRequest('initialize', { processId: null, capabilities: {}, initializationOptions: SIZE });
  await client.sendNotification(InitializedNotification.method, {});
  await isReady;
  const ask = async (line: number) => {
    const text = (lines[line] ?? '').slice(0, Math.ceil((lines[line] ?? '').length / 2));
    const uri = `untitled:${line}.ts`;
    const textDocument = { uri, languageId: 'typescript', version: 1, text: lines.toSpliced(line, 1, text).join('\n') };
    await client.sendNotification(DidOpenTextDocumentNotification.type, { textDocument });
    const position = { line, character: text.length };
    const context = { triggerKind: InlineCompletionTriggerKind.Automatic };
    const startMs = performance.now();
    await client.sendRequest(InlineCompletionRequest.type, { textDocument: { uri }, position, context });
    return performance.now() - startMs;
  };
  const close = () => {
    lsp.dispose();
    client.dispose();
  };
  return { ask, close };
}

function quantile(times: readonly number[], share: number): string {
  const sorted = times.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN).toFixed(2);
}

async function compare(name: string, ask: (line: number) => Promise<number>): Promise<void> {
  own = [];
  const all: number[] = [];
  for (const line of cursors) all.push(await ask(line));
  const added = all.map((ms, i) => ms - (own[i] ?? NaN));
  console.log(
    `${name}: pipeline ${quantile(own, 0.5)} ms, added ${quantile(added, 0.5)} ms (median), ${quantile(added, 0.95)} ms (p95), ${all.length} requests`,
  );
}

await infill(cursors[0] ?? 0);
await compare('HTTP', (line) => infill(line));
const editor = await openEditor();
await compare('language server', editor.ask);
editor.close();
await server.close();
process.exit();
