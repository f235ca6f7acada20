/**
 * `npm run bench -- encoders [--rounds N] [--chunk N] [FOLDER...]`: encoders by size, on one thread and on two: inputs in a
 * second of processor time, as a multiple of XL's and of PyTorch's in float32, because a busy machine does not change it; the gain
 * of the second thread by the clock; the time of a short query. All take turns. The default is every encoder in models/encoders.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type EncoderConfig, parseEncoderConfig } from '../src/encoders/config';
import type { NativeEmbedding, NativeEncoder } from '../src/engine/addon';
import { loadAddon } from '../src/engine/loadAddon';
import { readConfig } from '../src/matlm/checkpoint';
import { readTensorEntries } from '../src/matlm/safetensors';
import { median } from './children.mts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '5' }, chunk: { type: 'string', default: '128' } },
});
const rounds = Number(values.rounds);
const chunk = Number(values.chunk);
const shipped = join(root, 'models', 'encoders');
const folders =
  positionals.length > 0
    ? positionals.map((path) => resolve(path))
    : readdirSync(shipped).map((name) => join(shipped, name));
const addon = loadAddon(root);
/** Inputs of a round. */
const COUNT = 8;
const THREADS = [1, 2];
/** Tokens of a short query. */
const QUERY = 8;

/** PyTorch in a process of its own. */
class Peer {
  private readonly process: ChildProcess;
  private readonly answers: AsyncIterator<string>;

  constructor(folder: string) {
    const args = ['-m', 'bench.encoders', folder];
    this.process = spawn(process.env.BENCH_PYTHON ?? 'python3', args, {
      cwd: root,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.answers = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]();
  }

  async ms(request: object): Promise<number> {
    this.process.stdin!.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.answers.next();
    if (done) throw new Error('PyTorch ended: see above');
    return Number(value);
  }

  close(): void {
    this.process.stdin!.end();
  }
}

const write = (text: string) => process.stdout.write(`${text}\n`);
const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
write(`${cpus()[0]?.model ?? ''}, medians of ${rounds} rounds, ${new Date().toISOString().slice(0, 10)}`);
for (const folder of folders) await measure(folder);

async function measure(folder: string): Promise<void> {
  const { configFile, configText } = await readConfig(folder);
  const config = parseEncoderConfig(configFile, configText);
  const weightsPath = join(folder, 'model.safetensors');
  const tensors = await readTensorEntries(weightsPath);
  const encoders = THREADS.map((threads) => new addon.Encoder({ weightsPath, tensors, config, threads }));
  const peer = new Peer(folder);
  const submodels = Object.entries(config.granularities);
  const length = Math.min(chunk, config.maxInput);
  const found = new Map<string, number[]>();
  // The first round only warms up, and the order alternates.
  for (let round = 0; round <= rounds; round++) {
    const add = (key: string, value: number) => round > 0 && found.set(key, [...(found.get(key) ?? []), value]);
    for (const [name, widths] of round % 2 === 0 ? submodels : [...submodels].reverse()) {
      for (const [i, threads] of THREADS.entries()) {
        for (const input of [draw(config, COUNT, length), draw(config, 1, QUERY)]) {
          const key = `${input.count} ${name} ${threads}`;
          const { clockMs, processorMs } = await timed(() => begin(encoders[i]!, input, widths).result);
          add(key, processorMs);
          add(`${key} clock`, clockMs);
          if (threads === 1) add(`${key} peer`, await peer.ms({ widths, ...input.forPeer }));
        }
      }
    }
    const running = begin(encoders[0]!, draw(config, COUNT, length), submodels.at(-1)![1]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running.abort();
    add('abort', (await timed(() => running.result.catch(() => undefined))).processorMs);
  }
  const of = (key: string) => median(found.get(key) ?? []);
  const { isa, weightBytes } = encoders[0]!;
  const input = config.picture ? 'pictures' : `texts of ${length} tokens`;
  write(`\n**${basename(folder)}**: ${input}, ${isa}, ${(weightBytes / 1e6).toFixed(1)} MB of weights\n`);
  const one = config.picture ? 'one picture' : `query of ${QUERY} tokens`;
  const head = [
    'hidden units',
    'a second of a core',
    'to XL',
    'to PyTorch',
    `${one}, ms`,
    'to PyTorch',
    'gain of 2 threads',
  ];
  write(line(['', ...head]));
  write(line(['---', ...head.map(() => '---:')]));
  for (const [name, widths] of submodels) {
    const share = widths.reduce((sum, width) => sum + width, 0) / config.layers / config.ffnSize;
    const [many, single] = [`${COUNT} ${name}`, `1 ${name}`];
    const ratios = [
      of(`${COUNT} XL 1`) / of(`${many} 1`),
      of(`${many} 1 peer`) / of(`${many} 1`),
      of(`${single} 1 peer`) / of(`${single} 1`),
      of(`${many} 1 clock`) / of(`${many} 2 clock`),
    ].map((ratio) => `${ratio.toFixed(2)}×`);
    const speed = ((1000 * COUNT) / of(`${many} 1`)).toFixed(0);
    const [toXl, toPeer, queryToPeer, gain] = ratios;
    write(line([name, share.toFixed(3), speed, toXl!, toPeer!, of(`${single} 1`).toFixed(2), queryToPeer!, gain!]));
  }
  const longest = Math.max(...found.get('abort')!);
  write(`\nProcessor time from an abort to the end of the request: at most ${longest.toFixed(1)} ms`);
  for (const encoder of encoders) encoder.dispose();
  peer.close();
}

interface Input {
  readonly count: number;
  readonly tokens: number[][];
  readonly pixels: Uint8Array;
  readonly forPeer: object;
}

function draw({ picture, vocabularySize }: EncoderConfig, count: number, length: number): Input {
  const next = (below: number) => Math.floor(Math.random() * below);
  if (picture) {
    const pixels = Uint8Array.from({ length: count * picture.size ** 2 * picture.channels }, () => next(256));
    return { count, tokens: [], pixels, forPeer: { pictures: count } };
  }
  const tokens = Array.from({ length: count }, () => Array.from({ length }, () => next(vocabularySize)));
  return { count, tokens, pixels: new Uint8Array(), forPeer: { tokens } };
}

function begin(encoder: NativeEncoder, { tokens, pixels }: Input, widths: readonly number[]): NativeEmbedding {
  if (pixels.length > 0) return encoder.embedPictures(pixels, Int32Array.from(widths));
  let end = 0;
  const ends = tokens.map(({ length }) => (end += length));
  return encoder.embedTokens(Int32Array.from(tokens.flat()), Int32Array.from(ends), Int32Array.from(widths));
}

async function timed(run: () => Promise<unknown>): Promise<{ clockMs: number; processorMs: number }> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  await run();
  const { user, system } = process.cpuUsage(before);
  return { clockMs: performance.now() - start, processorMs: (user + system) / 1000 };
}
