/**
 * `run.sh [--out FILE] [--minutes N] [--threads N] [--models A,B] [--engines A,B] [--tiny]`: a graphics card measured in one go, from
 * the folder that `scripts/card.mjs pack` made, without a network. Every result is in FILE (results.json) as soon as it is there. Each
 * piece of work is a process with a time box, so that no driver and no peer takes the time of the rest.
 */
import { type ChildProcess, execFile, fork } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { openCheckpoint } from '../../src/matlm/checkpoint';
import { bytesPerToken } from '../../src/matlm/submodel';
import { Child, median, tokens } from '../children.mts';
import type { Target } from '../engines.mts';
import { type DrawnKind, type Shape, type ShapeName, SHAPES } from './drawn.mts';
import type { CardFacts } from './machine.mts';
import type { TASKS } from './task.mts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const work = join(root, 'work');
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'results.json' },
    minutes: { type: 'string', default: '8' },
    threads: { type: 'string', default: '2' },
    models: { type: 'string' },
    engines: { type: 'string' },
    tiny: { type: 'boolean', default: false },
  },
});
const SMOLLM2 = join(root, 'models', 'smollm2-135m-q4_1.gguf');
const out = resolve(values.out);
const threads = Number(values.threads);

/** Ten seconds to write and to end. */
const deadline = performance.now() + 60_000 * Number(values.minutes) - 10_000;
/** Below this nothing is begun any more. */
const LEAST_MS = 3000;

/** Seconds that each kind of work may take. */
const BOXES = values.tiny
  ? { facts: 60, parity: 120, make: 60, engine: 120 }
  : { facts: 20, parity: 40, make: 40, engine: 25 };

interface Subject {
  readonly name: ShapeName;
  /** Of which the file for llama.cpp is drawn, and ours is imported. */
  readonly kind: DrawnKind;
  /** A checkpoint, or a file to import, with weights of its own: for us, and for the whole model of llama.cpp if it is a file. */
  readonly model?: string;
  /** Whether its logits are compared with the processor's before it is measured. */
  readonly isCompared?: true;
}

/** In the order of what is to be known first. */
const SUBJECTS: readonly Subject[] = values.tiny
  ? [{ name: 'tiny', kind: 'q4_0', isCompared: true }]
  : [
      { name: 'matlm-46m', kind: 'q8_0', model: join(root, 'models', 'matlm-46m'), isCompared: true },
      { name: 'qwen2.5-coder-0.5b', kind: 'q4_0', isCompared: true },
      { name: 'qwen2.5-coder-0.5b', kind: 'q8_0' },
      { name: 'smollm2-135m', kind: 'q4_0', model: SMOLLM2, isCompared: true },
      { name: 'qwen2.5-coder-1.5b', kind: 'q4_0' },
      { name: 'qwen2.5-coder-1.5b', kind: 'q8_0' },
    ];

const ENGINES = {
  ours: 'matcoder on the GPU',
  vulkan: 'llama.cpp on the GPU',
  cuda: 'llama.cpp by CUDA',
  processor: 'matcoder',
} as const;
type EngineName = keyof typeof ENGINES;

const WORKS = values.tiny
  ? { decodeAfter: [4], prefill: [8], decoded: 2, rounds: 1 }
  : { decodeAfter: [64, 1024], prefill: [512, 2048], decoded: 32, rounds: 3 };

/** A size that S is of matlm-46m: an eighth of the hidden units. */
const narrow = (ffn: number) => Math.max(32, Math.round(ffn / 8 / 32) * 32);

interface Row {
  readonly model: string;
  readonly kind: string;
  readonly engine: EngineName;
  readonly size: 'XL' | 'S';
  readonly work: string;
  /** Median: of a token when decoding, of the whole prompt otherwise. */
  readonly ms: number;
  readonly tokensPerSecond: number;
  /** Of weights that our engine reads, 10^9 bytes a second, and as a share of the card's copy. */
  readonly gigabytesPerSecond?: number;
  readonly shareOfCopy?: number;
}

const results = {
  machine: { processor: cpus()[0]?.model, cores: availableParallelism(), threads, node: process.version },
  card: undefined as CardFacts | undefined,
  parity: {} as Record<string, number>,
  rows: [] as Row[],
  /** What could not be measured, and why. */
  faults: [] as { what: string; why: string }[],
  seconds: 0,
};

function save(): void {
  results.seconds = Math.round(performance.now() / 1000);
  writeFileSync(`${out}.part`, `${JSON.stringify(results, null, 2)}\n`);
  renameSync(`${out}.part`, out);
}

/** Notes a fault instead of ending. */
async function attempt(what: string, body: () => Promise<void>): Promise<void> {
  try {
    if (deadline - performance.now() < LEAST_MS) throw new Error('no time was left');
    await body();
  } catch (error) {
    const [why = ''] = (error as Error).message.split('\n');
    results.faults.push({ what, why });
    process.stdout.write(`${what}: ${why}\n`);
  }
  save();
}

/** Ends a process that has not answered when its box is over. */
async function boxed<T>(seconds: number, child: Pick<ChildProcess, 'kill'>, answer: Promise<T>): Promise<T> {
  const ms = Math.min(1000 * seconds, deadline - performance.now());
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`it did not end within ${(ms / 1000).toFixed(0)} s`));
    }, ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

type Tasks = typeof TASKS;
function task<K extends keyof Tasks>(name: K, seconds: number, ...args: Parameters<Tasks[K]>) {
  const child = fork(join(root, 'bench', 'task.mjs'), [name, JSON.stringify(args)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const answer = new Promise<Awaited<ReturnType<Tasks[K]>>>((resolve, reject) => {
    child.once('message', (message: { result?: never; fault?: string }) => {
      if (message.fault === undefined) resolve(message.result as never);
      else reject(new Error(message.fault));
    });
    child.once('exit', (code, signal) => {
      reject(new Error(`its process ended with ${signal ?? `code ${String(code)}`}`));
    });
  });
  return boxed(seconds, child, answer);
}

/** The folder in which `model` is the checkpoint that our engine reads. */
async function ours(subject: Subject, gguf: string): Promise<string> {
  const { model } = subject;
  const folder = join(work, `${subject.name}-${subject.kind}`);
  if (model !== undefined && existsSync(join(model, 'config.json'))) return linked(folder, model);
  const into = join(folder, 'model');
  if (existsSync(join(into, 'config.json'))) return folder;
  const args = [join(root, 'dist', 'cli.js'), 'import', gguf, '--into', into, '--name', 'card'];
  const running = promisify(execFile)(process.execPath, args);
  await boxed(BOXES.make, running.child, running);
  return folder;
}

async function linked(folder: string, model: string): Promise<string> {
  const { symlinkSync } = await import('node:fs');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, 'model'))) symlinkSync(model, join(folder, 'model'), 'junction');
  return folder;
}

/** A file with drawn weights, made if it is not there yet. */
async function drawn(subject: Subject, ffn: number): Promise<string> {
  const file = join(work, `${subject.name}-${subject.kind}-${ffn}.gguf`);
  const shape: Shape = { ...SHAPES[subject.name], ffn };
  const tokenizer = join(root, 'models', 'matlm-46m', 'tokenizer.json');
  if (!existsSync(file)) await task('draw', BOXES.make, file, shape, subject.kind, tokenizer);
  return file;
}

async function measure(subject: Subject, folder: string, gguf: string | undefined): Promise<void> {
  const { name, kind } = subject;
  const { config } = await openCheckpoint(join(folder, 'model'));
  const { ffnSize, contextLength, layers } = config.model;
  for (const engine of chosenEngines) {
    for (const size of ['XL', 'S'] as const) {
      const what = `${name} ${kind} ${engine} ${size}`;
      await attempt(what, async () => {
        const isPeer = engine === 'vulkan' || engine === 'cuda';
        const width = size === 'XL' ? ffnSize : (config.granularities.S?.[0] ?? narrow(ffnSize));
        const file = isPeer ? (size === 'XL' && gguf ? gguf : await drawn(subject, width)) : undefined;
        const target: Target = {
          ...{ root, folder, size: width, threads, context: Math.min(contextLength, 4096) },
          ...(file === undefined ? {} : { gguf: file }),
        };
        const started = Child.begin(ENGINES[engine], target, join(root, 'bench', 'child.mjs'));
        await boxed(
          BOXES.engine,
          started,
          turns(started, { ...subject, engine, size }, contextLength, (msPerToken) => {
            if (isPeer) return {};
            const bytes = bytesPerToken(config.model, Array<number>(layers).fill(width));
            const gigabytesPerSecond = bytes / msPerToken / 1e6;
            const copy = engine === 'ours' ? results.card?.copyGigabytesPerSecond : undefined;
            return { gigabytesPerSecond, ...(copy ? { shareOfCopy: gigabytesPerSecond / copy } : {}) };
          }),
        );
      });
    }
  }
}

/** All work of an engine with one size, each row as soon as it is known. */
async function turns(
  started: ReturnType<typeof Child.begin>,
  { name: model, kind, engine, size }: Subject & Pick<Row, 'engine' | 'size'>,
  context: number,
  bandwidth: (msPerToken: number) => Pick<Row, 'gigabytesPerSecond' | 'shareOfCopy'>,
): Promise<void> {
  const child = await started.opened;
  const add = (work: string, ms: number, tokensPerSecond: number, more = {}) => {
    const row: Row = { model, kind, engine, size, work, ms, tokensPerSecond, ...more };
    results.rows.push(row);
    save();
    process.stdout.write(`${model} ${kind} ${engine} ${size} ${work}: ${ms.toFixed(2)} ms\n`);
  };
  const medianOf = async (run: (round: number) => Promise<number>) => {
    const found: number[] = [];
    for (let round = 0; round < WORKS.rounds; round++) found.push(await run(round));
    return median(found);
  };
  // The short work first, and of that the one that is not repeated elsewhere.
  for (const [i, after] of WORKS.decodeAfter.entries()) {
    const length = WORKS.prefill[i] ?? 0;
    if (after + WORKS.decoded < context) {
      const ms = await medianOf(
        async (round) => (await child.call('decode', tokens(after, round), WORKS.decoded)).msPerToken,
      );
      add(`decode after ${after}`, ms, 1000 / ms, bandwidth(ms));
    }
    if (length < context) {
      const ms = await medianOf((round) => child.call('prefill', tokens(length, round + 10)));
      add(`prefill ${length}`, ms, (1000 * length) / ms);
    }
  }
  child.close();
}

const isPacked = (library: string) => existsSync(join(root, 'bench', 'node_modules', '@node-llama-cpp', library));
const os = { win32: 'win', darwin: 'mac' }[process.platform as string] ?? process.platform;
const available: EngineName[] = [
  'ours',
  ...(isPacked(`${os}-${process.arch}-vulkan`) ? (['vulkan'] as const) : []),
  ...(isPacked(`${os}-${process.arch}-cuda`) ? (['cuda'] as const) : []),
  'processor',
];
const chosenEngines = available.filter((name) => !values.engines || values.engines.split(',').includes(name));

rmSync(work, { recursive: true, force: true });
mkdirSync(work, { recursive: true });
save();
await attempt('the card', async () => {
  const [copyBytes, dispatches] = values.tiny ? [2 ** 20, 20] : [2 ** 28, 1000];
  results.card = await task('facts', BOXES.facts, root, copyBytes, dispatches);
  process.stdout.write(`${JSON.stringify(results.card)}\n`);
});
for (const subject of SUBJECTS) {
  if (values.models && !values.models.split(',').includes(subject.name)) continue;
  await attempt(`${subject.name} ${subject.kind}`, async () => {
    const isFile = subject.model?.endsWith('.gguf') ?? false;
    const { model } = subject;
    if (model !== undefined && !existsSync(model)) throw new Error('it was not packed');
    // Of a checkpoint there is no file for llama.cpp: it gets one of the same shape.
    const gguf = isFile && model ? model : model ? undefined : await drawn(subject, SHAPES[subject.name].ffn);
    const folder = await ours(subject, gguf ?? '');
    if (subject.isCompared && chosenEngines.includes('ours')) {
      const { config } = await openCheckpoint(join(folder, 'model'));
      await attempt(`parity of ${subject.name}`, async () => {
        const sizes = Object.keys(config.granularities).filter((size) => ['S', 'XL'].includes(size));
        const errors = await task('parity', BOXES.parity, root, join(folder, 'model'), sizes, values.tiny ? 4 : 40);
        for (const [size, error] of Object.entries(errors))
          results.parity[`${subject.name} ${subject.kind} ${size}`] = error;
      });
    }
    await measure(subject, folder, gguf);
    // Up to five gigabytes, which the next one needs.
    for (const entry of readdirSync(work)) rmSync(join(work, entry), { recursive: true, force: true });
  });
}
rmSync(work, { recursive: true, force: true });
save();
process.stdout.write(
  `${results.rows.length} rows and ${results.faults.length} faults in ${results.seconds} s: ${out}\n`,
);
process.exit(0);
