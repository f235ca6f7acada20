/**
 * `npm run bench -- [--json] [--rounds N] [--threads N] [--engines A,B] [NAME...]`: our engine and its peers take turns at
 * the same work; medians, spread, and how many times faster ours is. Every engine runs on one thread and on `--threads`,
 * and each measure keeps the better, because some peers lose more by synchronising their threads than they gain.
 * `LLAMA_BENCH=path` adds llama.cpp's own measuring program; `--engines` leaves peers out.
 */
import { execFileSync, spawn } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openCheckpoint } from '../src/matlm/checkpoint';
import { bytesPerToken } from '../src/matlm/submodel';
import { Child, median, tokens } from './children.mts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    engines: { type: 'string', default: 'matcoder,node-llama-cpp,onnxruntime-node' },
    threads: { type: 'string', default: String(Math.max(1, Math.min(4, availableParallelism()))) },
  },
});
const rounds = Number(values.rounds);
const threads = Number(values.threads);
const names = positionals.length > 0 ? positionals : ['shipped', 'random'];
const PEERS = [...values.engines.split(','), ...(process.env.LLAMA_BENCH ? ['llama-bench'] : [])];
if (PEERS[0] !== 'matcoder') throw new Error('--engines begins with matcoder, to which the others are compared');
/** Tokens of one completion in the measures under load. */
const COMPLETION = 16;

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
  /** 19 of 20 runs are below it. */
  readonly p95: number;
  /** The engine's median over ours: above 1 if ours is better. */
  readonly ratio: number;
}

const QUIET = `completion of ${COMPLETION} tokens, ms a token`;
const BUSY = `the same with a busy loop on every core, ms a token`;

async function measure(name: string, size: 'S' | 'XL'): Promise<Row[]> {
  const folder = join(root, 'build', 'bench', name);
  const children: { engine: string; threads: number; child: Child; found: Map<string, number[]> }[] = [];
  for (const count of new Set([1, threads])) {
    for (const engine of PEERS) {
      const child = await Child.open(engine, { root, folder, size, threads: count });
      children.push({ engine, threads: count, child, found: new Map() });
    }
  }
  const { config } = await openCheckpoint(join(folder, 'model'));
  const context = Math.min(config.model.contextLength, name === 'shipped' ? 1024 : 4096);
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

  process.stderr.write(`${name} ${size}: ${PEERS.join(', ')} take turns\n`);
  for (const [measure, run] of Object.entries(work)) await takeTurns(measure, run, rounds);
  const completion = async (child: Child, round: number) =>
    (await child.call('decode', tokens(64, round), COMPLETION)).msPerToken;
  await takeTurns(QUIET, completion, 4 * rounds);
  const busy = 'for (const { ppid } = process; process.ppid === ppid; ) for (let i = 0; i < 1e7; i++);'; // ends with us
  const others = Array.from({ length: availableParallelism() }, () => spawn(process.execPath, ['-e', busy]));
  try {
    await takeTurns(BUSY, completion, 4 * rounds);
  } finally {
    for (const other of others) other.kill('SIGKILL');
  }

  async function takeTurns(measure: string, run: (child: Child, round: number) => Promise<number>, rounds: number) {
    for (let round = 0; round <= rounds; round++) {
      // The order alternates, and the first round only warms up.
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
  for (const measure of [...Object.keys(work), QUIET, BUSY, 'start, ms', 'memory, bytes']) {
    const best = PEERS.map((engine) =>
      children
        .filter((c) => c.engine === engine)
        .map((c) => ({ engine, threads: c.threads, values: c.found.get(measure) ?? [] }))
        .reduce((a, b) => (median(b.values) < median(a.values) ? b : a)),
    );
    const ours = median(best[0]!.values);
    for (const { engine, threads, values } of best) {
      if (Number.isNaN(median(values))) continue;
      const spread = (median(values, 0.75) - median(values, 0.25)) / 2;
      const ratio = median(values) / ours;
      const p95 = median(values, 0.95);
      rows.push({ checkpoint: name, size, measure, engine, threads, median: median(values), spread, p95, ratio });
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
      if (theirs.length === 0) continue;
      const difference = ours.findIndex((token, i) => token !== theirs[i]);
      same += difference < 0 ? ours.length : difference;
      all += ours.length;
    }
  }
  // Drawn weights give many tokens nearly the same score: rounding decides, and the rest of the text follows from it.
  const least = name === 'shipped' ? 0.75 : 0.25;
  if (same < all * least)
    throw new Error(`${name}: only ${same} of ${all} greedy tokens are the same: not the same model`);
  return `${same} of ${all} greedy tokens the same up to the first difference`;
}

/** The peak of the machine and our share of it: memory bandwidth when decoding, multiplications in prefill. */
async function ceilings(rows: readonly Row[]): Promise<Ceiling[]> {
  const found: Ceiling[] = [];
  for (const row of rows.filter((r) => r.engine === 'matcoder')) {
    const { config } = await openCheckpoint(join(root, 'build', 'bench', row.checkpoint, 'model'));
    const widths = config.granularities[row.size] ?? [];
    const bytes = bytesPerToken(config.model, widths);
    const megabytes = String(Math.ceil(bytes / 2 ** 20));
    const peak = JSON.parse(
      execFileSync(join(root, 'build', 'bench', 'peak'), [megabytes, String(row.threads)], { encoding: 'utf8' }),
    ) as { bytesPerSecond: number; multiplyAddsPerSecond: number };
    const { checkpoint, size, measure, threads } = row;
    if (measure.startsWith('decode after 64')) {
      const achieved = bytes / row.median / 1e6;
      found.push({ checkpoint, size, measure, threads, unit: 'GB/s', achieved, peak: peak.bytesPerSecond / 1e9 });
    }
    const prefill = /^prefill (512) /.exec(measure);
    if (prefill && peak.multiplyAddsPerSecond > 0) {
      // The head is read for one token alone.
      const { vocabularySize, hiddenSize } = config.model;
      const achieved = ((bytes - vocabularySize * hiddenSize) * Number(prefill[1])) / row.median / 1e6;
      found.push({
        checkpoint,
        size,
        measure,
        threads,
        unit: 'GMAC/s',
        achieved,
        peak: peak.multiplyAddsPerSecond / 1e9,
      });
    }
  }
  return found;
}

/** How much longer a completion takes when others want all the cores. */
function graces(
  rows: readonly Row[],
): { checkpoint: string; size: string; engine: string; median: number; p95: number }[] {
  return rows
    .filter((row) => row.measure === BUSY)
    .map(({ checkpoint, size, engine, median, p95 }) => {
      const quiet = rows.find(
        (r) => r.measure === QUIET && r.checkpoint === checkpoint && r.size === size && r.engine === engine,
      );
      return { checkpoint, size, engine, median: median / quiet!.median, p95: p95 / quiet!.median };
    });
}

interface Ceiling {
  readonly checkpoint: string;
  readonly size: string;
  readonly measure: string;
  readonly threads: number;
  readonly unit: string;
  readonly achieved: number;
  /** Of this machine, on as many threads, for as many bytes. */
  readonly peak: number;
}

/** One checkpoint and size: a measure a row, an engine a column; a peer's bracket says how many times as long it takes. */
function tableOf(rows: readonly Row[]): string[] {
  const lines = headOf('');
  for (const measure of new Set(rows.map((row) => row.measure))) {
    const cells = PEERS.map((engine) => {
      const row = rows.find((r) => r.measure === measure && r.engine === engine);
      if (!row) return '';
      const unit = measure.endsWith('bytes') ? 1e6 : 1;
      const note = row.ratio === 1 && engine === PEERS[0] ? spreadOf(row) : ` (${row.ratio.toFixed(2)}×)`;
      return digits(row.median / unit) + note;
    });
    lines.push(line([measure.replace(', bytes', ', MB'), ...cells]));
  }
  return lines;
}

/** Of a table with an engine a column. */
function headOf(corner: string): string[] {
  return [line([corner, 'ours', ...PEERS.slice(1)]), line(['---', ...PEERS.map(() => '---:')])];
}

const spreadOf = ({ spread }: Row) => (spread > 0 ? ` ±${digits(spread)}` : '');

function digits(value: number): string {
  return value.toFixed(value < 10 ? 3 : value < 1000 ? 1 : 0);
}

const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

const write = (text: string) => process.stdout.write(`${text}\n`);
const machine = { cpu: cpus()[0]?.model ?? '', threads, rounds, date: new Date().toISOString().slice(0, 10) };
if (!values.json) {
  write(`${machine.cpu}, up to ${threads} threads, medians of ${rounds}, ${machine.date}\n`);
}
const sizes = ['XL', 'S'] as const;
const rows: Row[] = [];
const peaks: Ceiling[] = [];
for (const name of names) {
  for (const size of sizes) {
    const found = await measure(name, size);
    rows.push(...found);
    peaks.push(...(await ceilings(found))); // near in time: on a shared machine the peak changes too
    // As soon as they are known: all of it takes a quarter of an hour.
    if (!values.json) write(`**${name} ${size}**\n\n${tableOf(found).join('\n')}\n`);
  }
}
const grace = graces(rows);
if (values.json) {
  write(JSON.stringify({ machine, rows, peaks, grace }, null, 2));
} else {
  write("\n| ours, of the machine's peak | | threads | achieved | peak | |\n| --- | --- | ---: | ---: | ---: | --- |");
  for (const { checkpoint, size, measure, threads, achieved, peak, unit } of peaks) {
    write(line([`${checkpoint} ${size}`, measure, String(threads), achieved.toFixed(1), peak.toFixed(1), unit]));
  }
  write(`\n${headOf('busy, times quiet: median, 95th percentile').join('\n')}`);
  for (const name of names) {
    for (const size of sizes) {
      const cells = PEERS.map((engine) => {
        const found = grace.find((g) => g.checkpoint === name && g.size === size && g.engine === engine);
        return found ? `${found.median.toFixed(2)}, ${found.p95.toFixed(2)}` : '';
      });
      write(line([`${name} ${size}`, ...cells]));
    }
  }
}
