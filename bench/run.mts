/**
 * `npm run bench -- [--json] [--rounds N] [--threads N] [NAME...]`: our engine and its peers take turns at the same work;
 * medians, spread, and how many times faster ours is. Every engine runs on one thread and on `--threads`, and each
 * measure keeps the better: some peers lose more by waiting for each other than they gain.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Opened } from './engines.mts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    threads: { type: 'string', default: String(Math.max(1, Math.min(4, availableParallelism()))) },
  },
});
const rounds = Number(values.rounds);
const threads = Number(values.threads);
const names = positionals.length > 0 ? positionals : ['shipped', 'random'];
const PEERS = ['matcoder', 'node-llama-cpp', 'onnxruntime-node'];

interface Row {
  readonly checkpoint: string;
  readonly size: string;
  readonly measure: string;
  readonly engine: string;
  readonly threads: number;
  /** Milliseconds, or bytes of memory. */
  readonly median: number;
  /** Half of the range that holds the middle half of the runs. */
  readonly spread: number;
  /** The engine's median over ours: above 1 where ours is better. */
  readonly ratio: number;
}

class Child {
  private constructor(
    private readonly process: ChildProcess,
    readonly startMs: number,
    readonly bytes: number,
  ) {}

  static async open(engine: string, target: object): Promise<Child> {
    const child = fork(join(root, 'bench', 'child.mts'), [engine, JSON.stringify(target)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const { startMs, bytes } = await answer<{ startMs: number; bytes: number }>(child);
    return new Child(child, startMs, bytes);
  }

  async call<K extends keyof Opened>(call: K, ...args: Parameters<Opened[K]>): Promise<Awaited<ReturnType<Opened[K]>>> {
    this.process.send({ call, args });
    return (await answer<{ result: Awaited<ReturnType<Opened[K]>> }>(this.process)).result;
  }

  close(): void {
    this.process.disconnect();
  }
}

function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => {
      child.removeAllListeners('exit');
      resolve(message as T);
    });
    child.once('exit', (code) => {
      reject(new Error(`an engine's process ended with exit code ${String(code)}`));
    });
  });
}

const median = (values: readonly number[], share = 0.5) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;

/** Tokens that no cache has seen: the round decides them. */
const tokens = (count: number, round: number) =>
  Array.from({ length: count }, (_, i) => 10 + ((i * 37 + round * 101) % 4000));

async function measure(name: string, size: 'S' | 'XL'): Promise<Row[]> {
  const folder = join(root, 'build', 'bench', name);
  const children: { engine: string; threads: number; child: Child; found: Map<string, number[]> }[] = [];
  for (const count of new Set([1, threads])) {
    for (const engine of PEERS) {
      const child = await Child.open(engine, { root, folder, size, threads: count });
      children.push({ engine, threads: count, child, found: new Map() });
    }
  }
  const context = name === 'shipped' ? 1024 : 4096;
  const work: Record<string, (child: Child, round: number) => Promise<number>> = {};
  for (const length of [64, 512, 2048].filter((n) => n < context)) {
    work[`prefill ${length} tokens, ms`] = (child, round) => child.call('prefill', tokens(length, round));
  }
  for (const length of [64, context === 1024 ? 960 : 1024]) {
    work[`decode after ${length} tokens, ms a token`] = async (child, round) =>
      (await child.call('decode', tokens(length, round), 48)).msPerToken;
  }
  const typed = context === 1024 ? 960 : 1024;
  work[`first token after a key at ${typed}, ms`] = (child, round) =>
    child.call('firstToken', tokens(typed, round), 77);

  for (const [measure, run] of Object.entries(work)) {
    for (let round = 0; round <= rounds; round++) {
      // Whoever begins changes, and the first round only warms up.
      for (const { child, found } of round % 2 === 0 ? children : [...children].reverse()) {
        const value = await run(child, round);
        if (round > 0) found.set(measure, [...(found.get(measure) ?? []), value]);
      }
    }
  }
  for (const { child, found } of children) {
    found.set('start, ms', [child.startMs]);
    found.set('memory, bytes', [child.bytes]);
  }
  process.stderr.write(`${name} ${size}: ${await greedyAgreement(children, name)}\n`);
  for (const { child } of children) child.close();

  const rows: Row[] = [];
  for (const measure of [...Object.keys(work), 'start, ms', 'memory, bytes']) {
    const best = PEERS.map((engine) =>
      children
        .filter((c) => c.engine === engine)
        .map((c) => ({ engine, threads: c.threads, values: c.found.get(measure) ?? [] }))
        .reduce((a, b) => (median(b.values) < median(a.values) ? b : a)),
    );
    const ours = median(best[0]!.values);
    for (const { engine, threads, values } of best) {
      const spread = (median(values, 0.75) - median(values, 0.25)) / 2;
      const ratio = median(values) / ours;
      rows.push({ checkpoint: name, size, measure, engine, threads, median: median(values), spread, ratio });
    }
  }
  return rows;
}

/** The engines must do the same work: their greedy text is compared, token by token up to the first difference. */
async function greedyAgreement(children: readonly { child: Child }[], name: string): Promise<string> {
  let same = 0;
  let all = 0;
  for (let round = 0; round < 8; round++) {
    const texts: number[][] = [];
    for (const { child } of children) texts.push((await child.call('decode', tokens(200, round), 8)).tokens);
    const [ours = [], ...others] = texts;
    for (const theirs of others) {
      const difference = ours.findIndex((token, i) => token !== theirs[i]);
      same += difference < 0 ? ours.length : difference;
      all += ours.length;
    }
  }
  // Drawn weights leave many tokens nearly as likely: rounding decides, and the rest of the text follows from it.
  const least = name === 'random' ? 0.25 : 0.75;
  if (same < all * least)
    throw new Error(`${name}: only ${same} of ${all} greedy tokens are the same: not the same model`);
  return `${same} of ${all} greedy tokens the same up to the first difference`;
}

const rows: Row[] = [];
for (const name of names) for (const size of ['XL', 'S'] as const) rows.push(...(await measure(name, size)));
const machine = { cpu: cpus()[0]?.model ?? '', threads, rounds, date: new Date().toISOString().slice(0, 10) };
if (values.json) {
  process.stdout.write(`${JSON.stringify({ machine, rows }, null, 2)}\n`);
} else {
  process.stdout.write(`${machine.cpu}, up to ${threads} threads, medians of ${rounds}, ${machine.date}\n\n`);
  process.stdout.write(
    '| | | | threads | median | spread | times ours |\n| --- | --- | --- | ---: | ---: | ---: | ---: |\n',
  );
  for (const row of rows) {
    const digits = row.median < 10 ? 3 : row.median < 1000 ? 1 : 0;
    process.stdout.write(
      `| ${row.checkpoint} ${row.size} | ${row.measure} | ${row.engine} | ${row.threads} | ${row.median.toFixed(digits)} | ` +
        `${row.spread.toFixed(digits)} | ${row.ratio.toFixed(2)} |\n`,
    );
  }
}
