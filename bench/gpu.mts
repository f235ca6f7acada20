/**
 * `npm run bench -- gpu [--json] [--rounds=N] [NAME...]`: the GPU compared with the processor, on the checkpoint that ships and
 * on drawn ones of 60, 150 and 500 million parameters. The engines take turns at prefill and decoding, at S and at XL: our engine
 * on the processor, our kernels on the GPU, and llama.cpp on the same GPU.
 * Without a GPU that works, the bench prints the reason and ends. `--look` does only that check, with status 1.
 *
 * `least` shows the cost of launching kernels: every layer has an FFN of 32 hidden units, so there are as many kernels as in
 * XL, and hardly any work except attention and the head.
 */
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openCheckpoint, SHIPPED } from '../src/matlm/checkpoint';
import { GpuModel } from '../src/engine/gpu/model';
import { machineOf } from '../src/engine/thisMachine';
import { defaultThreads } from '../src/engine/native';
import { Child, median, tokens } from './children.mts';
import type { Target } from './engines.mts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    look: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
  },
});
const SIZES = ['least', 'S', 'XL'] as const;
const PROMPT = { prefill: 512, decode: 64 };
const DECODED = 48;

interface Row {
  readonly checkpoint: string;
  readonly engine: string;
  readonly size: Target['size'];
  /** Medians. */
  readonly prefillMs: number;
  readonly decodeMsPerToken: number;
}

/** Why our kernels do not run a model on a GPU; undefined if they do. */
async function whyNot(modelFolder: string): Promise<string | undefined> {
  const { config, weightsFile, tensors } = await openCheckpoint(modelFolder);
  try {
    (await GpuModel.open(root, { config: config.model, weightsFile, tensors })).dispose();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

async function measure(name: string): Promise<Row[]> {
  const folder = join(root, 'build', 'bench', name);
  const rows: Row[] = [];
  for (const size of SIZES) {
    const target = { root, folder, size, threads: defaultThreads() };
    const engines = [
      { engine: 'matcoder', target },
      { engine: 'matcoder on the GPU', target },
      // Its file has the widths of a size that is exported.
      ...(size === 'least' ? [] : [{ engine: 'llama.cpp on the GPU', target }]),
    ];
    const opened = [];
    for (const { engine, target } of engines) {
      const child = await Child.open(engine, target).catch((error: unknown) => {
        process.stderr.write(`${name} ${size}: ${engine}: ${(error as Error).message}\n`);
      });
      if (child) opened.push({ engine, child, prefill: [] as number[], decode: [] as number[] });
    }
    // The first round only warms up.
    for (let round = 0; round <= Number(values.rounds); round++) {
      for (const { child, prefill, decode } of round % 2 === 0 ? opened : [...opened].reverse()) {
        const prefillMs = await child.call('prefill', tokens(PROMPT.prefill, round));
        const { msPerToken } = await child.call('decode', tokens(PROMPT.decode, round), DECODED);
        if (round === 0) continue;
        prefill.push(prefillMs);
        decode.push(msPerToken);
      }
    }
    for (const { engine, child, prefill, decode } of opened) {
      child.close();
      const medians = { prefillMs: median(prefill), decodeMsPerToken: median(decode) };
      rows.push({ checkpoint: name, engine, size, ...medians });
    }
  }
  return rows;
}

/** One row per engine and checkpoint, with the times of its steps and their ratios. */
function summary(rows: readonly Row[]): string[][] {
  const names = new Set(rows.map(({ checkpoint, engine }) => `${checkpoint} ${engine}`));
  return [...names].map((name) => {
    const group = rows.filter(({ checkpoint, engine }) => `${checkpoint} ${engine}` === name);
    const of = (size: Row['size']) => group.find((row) => row.size === size);
    const [least, s, xl] = SIZES.map(of);
    const ms = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(2));
    const ratio = (a: number | undefined, b: number | undefined) => (a && b ? (a / b).toFixed(2) : '-');
    return [
      group[0]?.checkpoint ?? '',
      group[0]?.engine ?? '',
      ms(s?.prefillMs),
      ms(xl?.prefillMs),
      ms(s?.decodeMsPerToken),
      ms(xl?.decodeMsPerToken),
      ratio(xl?.decodeMsPerToken, s?.decodeMsPerToken),
      ratio(least?.decodeMsPerToken, xl?.decodeMsPerToken),
    ];
  });
}

const reason = await whyNot(join(root, SHIPPED));
if (reason !== undefined) {
  process.stdout.write(`No GPU works here, so there is nothing to measure: ${reason}\n`);
  process.exit(values.look ? 1 : 0);
}
if (values.look) process.exit(0);
const names = positionals.length > 0 ? positionals : ['shipped'];
const rows: Row[] = [];
for (const name of names) {
  // Larger models may not fit, or compute wrongly where a small one does not.
  const folder = join(root, 'build', 'bench', name, 'model');
  const none = await whyNot(folder);
  if (none === undefined) rows.push(...(await measure(name)));
  else process.stderr.write(`${name}: ${none}\n`);
}
const machine = machineOf(root, (await openCheckpoint(join(root, SHIPPED))).weightsFile);
if (values.json) {
  process.stdout.write(`${JSON.stringify({ machine, cpu: cpus()[0]?.model, rows }, null, 2)}\n`);
} else {
  const { prefill, decode } = PROMPT;
  const head = [
    '',
    '',
    `prefill of ${prefill}, S, ms`,
    'XL, ms',
    `decode after ${decode}, S, ms/token`,
    'XL, ms/token',
    'XL / S',
    'least / XL',
  ];
  const lines = [head, ['---', '---', ...Array<string>(6).fill('---:')], ...summary(rows)];
  process.stdout.write(`${machine}\n\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`);
}
