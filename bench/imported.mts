/**
 * `npm run bench -- imported [--json] [--brief] [--rounds N] [--threads N] [--formats A,B] [--levels A,B] [--engines A,B] [NAME...]`:
 * models that people have, in our engine and in llama.cpp side by side. Both run the same GGUF file, ours imported, and take turns.
 *
 * NAME is smollm2 or a shape of bench/shapes.py, with drawn weights. `--brief` measures memory, start and short work alone.
 * `--levels native,avx2` holds both engines to AVX2 in a second pass. `LLAMA_BENCH=path` adds llama.cpp's own program.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openCheckpoint } from '../src/matlm/checkpoint';
import { bytesPerToken } from '../src/matlm/submodel';
import { Child, median, tokens } from './children.mts';
import type { Level } from './levels.mts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, 'build', 'bench');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    brief: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: String(Math.max(1, Math.min(4, availableParallelism()))) },
    engines: { type: 'string', default: 'matcoder,node-llama-cpp' },
    formats: { type: 'string', default: 'q8_0,q4_0' },
    levels: { type: 'string', default: process.arch === 'x64' ? 'native,avx2' : 'native' },
  },
});
const rounds = Number(values.rounds);
const threads = Number(values.threads);
const levels = values.levels.split(',') as Level[];
const names = positionals.length > 0 ? positionals : ['smollm2', 'qwen2.5-coder-0.5b'];
const engines = [...values.engines.split(','), ...(process.env.LLAMA_BENCH ? ['llama-bench'] : [])];

/** A file for llama.cpp, the folder of the checkpoint that was imported from it, and the width that both run. */
interface Subject {
  readonly title: string;
  readonly gguf: string;
  readonly folder: string;
  readonly size: 'XL' | number;
  /** With weights of no use to anyone: the file is deleted afterwards. */
  readonly isDrawn: boolean;
  /** Least share of greedy tokens that must be the same, or the engines do not run the same model. */
  readonly least: number;
}

interface Row {
  readonly subject: string;
  readonly level: Level;
  readonly measure: string;
  readonly engine: string;
  /** Milliseconds, or megabytes. */
  readonly median: number;
  /** Half of the range that holds the middle half of the runs. */
  readonly spread: number;
  /** The engine's median over ours: above 1 if ours is better. */
  readonly ratio: number;
}

/** Reading weights while decoding after 64 tokens. */
interface Bandwidth {
  readonly subject: string;
  readonly level: Level;
  readonly gigabytesPerSecond: number;
  /** Of `bench/peak.cc`, which reads as many bytes on as many threads and does nothing else. */
  readonly peak: number;
}

/** A SmolLM2 whose FFN is as large a part of the whole as S's is of matlm-46m. */
const NARROW = 384;

function subjectsOf(name: string): Subject[] {
  if (name === 'smollm2') {
    const gguf = join(root, 'build', 'models', 'smollm2-135m-q4_1.gguf');
    const folder = imported(gguf);
    const narrow = join(out, `smollm2-${NARROW}.gguf`);
    python('bench.narrowed', gguf, String(NARROW), narrow);
    return [
      { title: 'SmolLM2-135M q4_1', gguf, folder, size: 'XL', isDrawn: false, least: 0.5 },
      // Its untrained prefix is so sensitive that the rounding of activations alone moves logits by a fifth of their spread.
      {
        title: `SmolLM2-135M q4_1, ${NARROW} of 1536 units`,
        ...{ gguf: narrow, folder, size: NARROW, isDrawn: false, least: 0 },
      },
    ];
  }
  return values.formats.split(',').map((format) => {
    const gguf = join(out, `${name}-${format}.gguf`);
    python('bench.shapes', name, format);
    return { title: `${name} ${format}`, gguf, folder: imported(gguf), size: 'XL', isDrawn: true, least: 0.2 };
  });
}

function python(module: string, ...args: string[]): void {
  execFileSync(process.env.BENCH_PYTHON ?? 'python3', ['-m', module, ...args], { cwd: root, stdio: 'inherit' });
}

/** The folder in which `model` is the checkpoint imported from a file. */
function imported(gguf: string): string {
  const folder = join(out, 'imported', basename(gguf, '.gguf'));
  if (existsSync(join(folder, 'model', 'config.json'))) return folder;
  const args = ['import', gguf, '--into', join(folder, 'model'), '--name', basename(folder)];
  execFileSync(process.execPath, [join(root, 'dist', 'cli.js'), ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  return folder;
}

type Work = (child: Child, round: number) => Promise<{ result: number; cpuMs: number }>;

function worksFor(context: number): Record<string, Work> {
  const works: Record<string, Work> = {};
  for (const length of (values.brief ? [64] : [64, 512, 2048]).filter((n) => n < context))
    works[`prefill ${length} tokens, ms`] = (child, round) => child.timed('prefill', tokens(length, round));
  for (const length of values.brief ? [64] : [64, 1024])
    works[`decode after ${length} tokens, ms a token`] = async (child, round) => {
      const { result, cpuMs } = await child.timed('decode', tokens(length, round), 32);
      return { result: result.msPerToken, cpuMs };
    };
  if (!values.brief)
    works['first token after a key at 1024, ms'] = (child, round) => child.timed('firstToken', tokens(1024, round), 77);
  return works;
}

/** Shares of the processor above which a run that others disturbed is repeated, at most so often. */
const DISTURBED = 0.1;
const REPEATS = 2;
const disturbances: number[] = [];

/** Runs work, again with other tokens if other processes took a part of the processor meanwhile. */
async function undisturbed(run: (attempt: number) => Promise<{ result: number; cpuMs: number }>): Promise<number> {
  let best = { share: Infinity, result: Number.NaN };
  for (let i = 0; i <= REPEATS && best.share > DISTURBED; i++) {
    const [start, busyBefore] = [performance.now(), busyMs()];
    const { result, cpuMs } = await run(i);
    const wallMs = performance.now() - start;
    // The system counts in steps of 10 ms for each core.
    const others = Math.max(0, busyMs() - busyBefore - cpuMs - 10 * cpus().length);
    const share = others / (wallMs * cpus().length);
    if (share < best.share) best = { share, result };
  }
  disturbances.push(best.share);
  return best.result;
}

/** Milliseconds for which the cores were busy, with those that a hypervisor gave to other machines. */
function busyMs(): number {
  if (process.platform === 'linux') {
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] =
      /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]?.split(' ').map(Number) ?? [];
    return 10 * (user + nice + system + irq + softirq + steal);
  }
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}

async function measure(subject: Subject, level: Level): Promise<Row[]> {
  const { gguf, folder, size } = subject;
  const { config } = await openCheckpoint(join(folder, 'model'));
  const context = Math.min(config.model.contextLength, 4096);
  const children: { engine: string; child: Child; found: Map<string, number[]> }[] = [];
  for (const engine of engines) {
    if (engine === 'llama-bench' && level !== 'native') continue; // it is one build for one processor
    const child = await Child.open(engine, { root, folder, gguf, size, level, context, threads });
    children.push({ engine, child, found: new Map() });
  }
  process.stderr.write(`${subject.title}, ${level}: ${children.map(({ engine }) => engine).join(', ')} take turns\n`);
  for (const [measure, work] of Object.entries(worksFor(context))) {
    for (let round = 0; round <= rounds; round++) {
      // The order alternates, and the first round only warms up.
      for (const { child, found } of round % 2 === 0 ? children : [...children].reverse()) {
        const value =
          round === 0
            ? (await work(child, round)).result
            : await undisturbed((attempt) => work(child, round + 100 * attempt));
        if (round > 0) found.set(measure, [...(found.get(measure) ?? []), value]);
      }
    }
  }
  for (const { child, found } of children) {
    found.set('start, ms', [child.startMs]);
    found.set('memory, MB', [child.bytes / 1e6]);
  }
  process.stderr.write(`${subject.title}, ${level}: ${await agreement(children, subject)}\n`);
  for (const { child } of children) child.close();

  const [ours] = children;
  return [...ours!.found].flatMap(([measure, mine]) =>
    children.flatMap(({ engine, found }) => {
      const runs = found.get(measure) ?? [];
      if (Number.isNaN(median(runs))) return [];
      const spread = (median(runs, 0.75) - median(runs, 0.25)) / 2;
      const ratio = median(runs) / median(mine);
      return [{ subject: subject.title, level, measure, engine, median: median(runs), spread, ratio }];
    }),
  );
}

/**
 * Both must do the same work: their greedy text is compared up to the first difference. Drawn weights give many tokens nearly the
 * same score: rounding decides, and the rest of the text follows from it.
 */
async function agreement(
  children: readonly { engine: string; child: Child }[],
  { least, title }: Subject,
): Promise<string> {
  const [ours, theirs] = children.map(({ child }) => child);
  if (!ours || !theirs) return 'nothing to compare with';
  let [same, all] = [0, 0];
  for (let round = 0; round < 6; round++) {
    const mine = (await ours.call('decode', tokens(100, round), 8)).tokens;
    const others = (await theirs.call('decode', tokens(100, round), 8)).tokens;
    const difference = mine.findIndex((token, i) => token !== others[i]);
    same += difference < 0 ? mine.length : difference;
    all += mine.length;
  }
  if (same < all * least) throw new Error(`${title}: only ${same} of ${all} greedy tokens are the same`);
  return `${same} of ${all} greedy tokens the same up to the first difference`;
}

async function bandwidthOf(rows: readonly Row[], { folder, size, title }: Subject, level: Level): Promise<Bandwidth[]> {
  const row = rows.find(({ engine, measure }) => engine === 'matcoder' && measure.startsWith('decode after 64'));
  if (!row) return [];
  const { config } = await openCheckpoint(join(folder, 'model'));
  const { layers, ffnSize } = config.model;
  const bytes = bytesPerToken(config.model, Array<number>(layers).fill(size === 'XL' ? ffnSize : size));
  const args = [String(Math.ceil(bytes / 2 ** 20)), String(threads)];
  const { bytesPerSecond } = JSON.parse(execFileSync(join(out, 'peak'), args, { encoding: 'utf8' })) as {
    bytesPerSecond: number;
  };
  return [{ subject: title, level, gigabytesPerSecond: bytes / row.median / 1e6, peak: bytesPerSecond / 1e9 }];
}

const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
const digits = (value: number) => value.toFixed(value < 10 ? 3 : value < 1000 ? 1 : 0);

function tableOf(rows: readonly Row[]): string {
  const columns = engines.filter((engine) => rows.some((row) => row.engine === engine));
  let table = line(['', 'ours', ...columns.slice(1)]) + line(['---', ...columns.map(() => '---:')]);
  for (const measure of new Set(rows.map((row) => row.measure))) {
    const cells = columns.map((engine) => {
      const row = rows.find((r) => r.measure === measure && r.engine === engine);
      if (!row) return '';
      const note =
        engine !== 'matcoder' ? ` (${row.ratio.toFixed(2)}×)` : row.spread > 0 ? ` ±${digits(row.spread)}` : '';
      return digits(row.median) + note;
    });
    table += line([measure, ...cells]);
  }
  return table;
}

const write = (text: string) => process.stdout.write(`${text}\n`);
const machine = { cpu: cpus()[0]?.model ?? '', threads, rounds, date: new Date().toISOString().slice(0, 10) };
if (!values.json) write(`${machine.cpu}, ${threads} threads, medians of ${rounds}, ${machine.date}\n`);
const rows: Row[] = [];
const bandwidths: Bandwidth[] = [];
for (const name of names) {
  for (const subject of subjectsOf(name)) {
    for (const level of levels) {
      const found = await measure(subject, level);
      rows.push(...found);
      bandwidths.push(...(await bandwidthOf(found, subject, level))); // near in time: on a shared machine the peak changes too
      if (!values.json) write(`**${subject.title}, ${level}**\n\n${tableOf(found)}`);
    }
    if (subject.isDrawn && !values.keep) {
      rmSync(subject.gguf, { force: true });
      rmSync(subject.folder, { recursive: true, force: true });
    }
  }
}
const others = { median: median(disturbances), p95: median(disturbances, 0.95) };
if (values.json) {
  write(JSON.stringify({ machine, rows, bandwidths, others }, null, 2));
} else {
  let table =
    line(['decode after 64 tokens', '', 'GB/s', 'peak', 'share']) + line(['---', '---', '---:', '---:', '---:']);
  for (const { subject, level, gigabytesPerSecond: speed, peak } of bandwidths) {
    const share = `${((100 * speed) / peak).toFixed(0)} %`;
    table += line([subject, level, speed.toFixed(1), peak.toFixed(1), share]);
  }
  write(table);
  const [half, most] = [others.median, others.p95].map((share) => `${(100 * share).toFixed(0)} %`);
  write(`Other processes used ${half} of the processor (median), ${most} at the 95th percentile.`);
}
