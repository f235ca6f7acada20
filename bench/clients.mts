/**
 * Clients that type, as those of llama.vim and llama.vscode: each types a file of its own key by key, and asks with every key. A
 * request that is not answered by the next key is broken off.
 *
 *   npx tsx bench/clients.mts [--model DIR|tiny] [--clients 1,10] [--seconds N] [--submodel S]
 *
 * The server is `matcoder serve` of `dist/` in a process of its own. `tiny` is one layer of the small model, whose answers cost
 * next to nothing, so that the rest is the server's. On Linux the processor time of the server and of the engine is printed too; no other
 * engine of this checkout may run then.
 */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const root = resolve(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    model: { type: 'string', default: join(root, 'models', 'matlm-46m') },
    clients: { type: 'string', default: '1,10' },
    seconds: { type: 'string', default: '20' },
    submodel: { type: 'string', default: 'auto' },
  },
});
const KEY_MS = 100;
const START_MS = 120_000;
/** As many as llama.vim and llama.vscode send with each request. */
const PIECES = 16;
const PIECE_LINES = 64;
const [LINES_BEFORE, LINES_AFTER] = [256, 64];

/** A folder with the first layer of a checkpoint. */
function firstLayerOf(folder: string): string {
  const tiny = mkdtempSync(join(tmpdir(), 'matcoder-tiny-'));
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as {
    num_hidden_layers: number;
    matformer: { granularities: Record<string, number[]>; frontier?: unknown };
  };
  config.num_hidden_layers = 1;
  const { granularities } = config.matformer;
  config.matformer = {
    granularities: Object.fromEntries(['S', 'M', 'L', 'XL'].map((name) => [name, granularities[name]!.slice(0, 1)])),
  };
  writeFileSync(join(tiny, 'config.json'), JSON.stringify(config));
  copyFileSync(join(folder, 'tokenizer.json'), join(tiny, 'tokenizer.json'));
  const file = readFileSync(join(folder, 'model.safetensors'));
  const end = 8 + Number(file.readBigUInt64LE());
  const header = JSON.parse(file.subarray(8, end).toString()) as Record<string, { data_offsets: [number, number] }>;
  const data: Buffer[] = [];
  let offset = 0;
  const kept = Object.entries(header).flatMap(([name, entry]) => {
    if (name === '__metadata__') return [[name, entry] as const];
    if (/^model\.layers\.(?!0\.)/.test(name)) return [];
    const [from, to] = entry.data_offsets;
    data.push(file.subarray(end + from, end + to));
    offset += to - from;
    return [[name, { ...entry, data_offsets: [offset - (to - from), offset] }] as const];
  });
  const json = Buffer.from(JSON.stringify(Object.fromEntries(kept)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(join(tiny, 'model.safetensors'), Buffer.concat([length, json, ...data]));
  return tiny;
}

/** Processor time in milliseconds of the processes whose command line holds a text; undefined unless on Linux. */
function processorMs(text: string): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const TICK_MS = 10;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .reduce((sum, pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text)) return sum;
        // Behind the name, which may hold blanks, user and system time are the 12th and 13th field.
        const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ');
        return sum + TICK_MS * (Number(fields[11]) + Number(fields[12]));
      } catch {
        return sum; // it has ended
      }
    }, 0);
}

interface Asked {
  /** As the field `matcoder` of the answer tells; undefined if it was broken off. */
  readonly outcome: string | undefined;
  readonly ms: number;
  /** Of the engine, for this answer. */
  readonly engineMs: number;
}

const agent = new Agent({ keepAlive: true });

function ask(url: string, body: object, signal: AbortSignal): Promise<Asked> {
  const startMs = performance.now();
  const since = () => performance.now() - startMs;
  return new Promise((done, reject) => {
    const message = request(`${url}/infill`, { method: 'POST', agent, signal }, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (part: string) => (text += part));
      response.on('end', () => {
        const ms = since();
        if (response.statusCode !== 200) {
          reject(new Error(text));
          return;
        }
        const { matcoder, timings } = JSON.parse(text) as {
          matcoder?: { outcome: string };
          timings: { prompt_ms: number; predicted_ms: number };
        };
        done({ outcome: matcoder?.outcome ?? 'late', ms, engineMs: timings.prompt_ms + timings.predicted_ms });
      });
    });
    message.on('error', (error) => {
      if (signal.aborted) done({ outcome: undefined, ms: since(), engineMs: 0 });
      else reject(error);
    });
    message.end(JSON.stringify(body));
  });
}

const folder = join(root, 'src', 'completion');
const texts = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ filename: name, text: readFileSync(join(folder, name), 'utf8') }))
  .sort((a, b) => b.text.length - a.text.length);

/** Type the second half of a file until the time is over. */
async function type(url: string, client: number, untilMs: number): Promise<Asked[]> {
  const { text, filename } = texts[client % texts.length]!;
  const others = texts.filter((other) => other.filename !== filename).slice(0, PIECES);
  const input_extra = others.map((other, time) => ({
    ...{ filename: other.filename, time },
    text: other.text.split('\n').slice(0, PIECE_LINES).join('\n'),
  }));
  const middle = text.indexOf('\n', text.length / 2) + 1;
  const input_suffix = `\n${text.slice(text.indexOf('\n\n', middle)).split('\n', LINES_AFTER).join('\n')}`;
  const asked: Promise<Asked>[] = [];
  let last = new AbortController();
  // Nobody types in step with others.
  await setTimeout((client * KEY_MS) / 10);
  for (let at = middle; performance.now() < untilMs && at < text.length; at++) {
    const keyMs = performance.now();
    last.abort();
    last = new AbortController();
    const lineStart = text.lastIndexOf('\n', at) + 1;
    const input_prefix = text
      .slice(0, lineStart)
      .split('\n')
      .slice(-LINES_BEFORE - 1)
      .join('\n');
    const prompt = text.slice(lineStart, at + 1);
    const sampling = { top_k: 40, top_p: 0.99, samplers: ['top_k', 'top_p', 'infill'], cache_prompt: true };
    const limits = { n_predict: 128, t_max_prompt_ms: 500, t_max_predict_ms: 1000 };
    const answer = ask(url, { input_prefix, prompt, input_suffix, input_extra, ...sampling, ...limits }, last.signal);
    // It is reported when all are awaited; until then it must not end the program, which would leave the server behind.
    answer.catch(() => undefined);
    asked.push(answer);
    await setTimeout(Math.max(0, KEY_MS - (performance.now() - keyMs)));
  }
  last.abort();
  return Promise.all(asked);
}

function quantiles(all: readonly Asked[]): string {
  if (all.length === 0) return 'none';
  const sorted = all.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN).toFixed(1);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms (${all.length})`;
}

const model = values.model === 'tiny' ? firstLayerOf(join(root, 'models', 'matlm-6m')) : resolve(values.model);
const cli = join(root, 'dist', 'cli.js');
const command = [cli, 'serve', '--port', '0', '--model', model, '--submodel', values.submodel];
const server = spawn(process.execPath, command, { stdio: ['ignore', 'ignore', 'pipe'] });
try {
  const url = await new Promise<string>((found, reject) => {
    createInterface(server.stderr).on('line', (line) => {
      const [, address] = /listening on (http:.*)$/.exec(line) ?? [];
      if (address !== undefined) found(address);
    });
    server.once('exit', () => {
      reject(new Error('the server ended'));
    });
  });
  const lateMs = performance.now() + START_MS;
  while ((await fetch(`${url}/health`)).status !== 200) {
    if (performance.now() > lateMs) throw new Error(`the engine has not started in ${START_MS / 1000} s`);
    await setTimeout(50);
  }
  await type(url, 0, performance.now() + 3000);
  for (const clients of values.clients.split(',').map(Number)) {
    const processes = [cli, join(root, 'dist', 'engine.js')];
    const before = processes.map(processorMs);
    const untilMs = performance.now() + 1000 * Number(values.seconds);
    const typing = Array.from({ length: clients }, (_, client) => type(url, client, untilMs));
    const asked = (await Promise.all(typing)).flat();
    const [own, engine] = processes.map((text, i) => ((processorMs(text) ?? NaN) - (before[i] ?? NaN)) / asked.length);
    const answered = asked.filter(({ outcome }) => outcome !== undefined);
    const isReused = ({ outcome }: Asked) => outcome === 'reused';
    console.log(
      `${clients} client(s): ${asked.length} requests, ${asked.length - answered.length} broken off by the next key`,
    );
    console.log(`  all answers: ${quantiles(answered)}`);
    console.log(`  typed as suggested, without the engine: ${quantiles(answered.filter(isReused))}`);
    console.log(`  by the engine: ${quantiles(answered.filter(({ engineMs }) => engineMs > 0))}`);
    console.log(`  processor time of a request: server ${own?.toFixed(2)} ms, engine ${engine?.toFixed(2)} ms`);
  }
} finally {
  server.kill('SIGINT');
  if (values.model === 'tiny') rmSync(model, { recursive: true });
}
