// Install the peers, write the checkpoints in their formats, and let all engines take turns: `npm run bench -- --json`, on a GPU
// `npm run bench -- gpu --json`, or with models that people have `npm run bench -- imported --json`.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { preparePython } from './lib/python.mjs';
import { installLlamaCpp, llamaCppLibrary } from './lib/peers.mjs';
import { Fault, main, must, root } from './lib/run.mjs';
import { smollm2 } from './lib/smollm2.mjs';

const bench = join(root, 'bench');
const tsx = join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs');
const onGpu = process.argv[2] === 'gpu';
const isImported = process.argv[2] === 'imported';
const isElastic = process.argv[2] === 'elastic';
const isEncoders = process.argv[2] === 'encoders';
const isVectors = process.argv[2] === 'vectors';
const isSearch = process.argv[2] === 'search';
const args = process.argv.slice(onGpu || isImported || isElastic || isEncoders || isVectors || isSearch ? 3 : 2);
const USAGE = `npm run bench -- [--json] [--rounds N] [--threads N] [--engines A,B] [NAME...]
    Compare this engine with its peers on the processor. The engines are matcoder, node-llama-cpp and onnxruntime-node;
    matcoder comes first. NAME is a checkpoint: shipped or random.

npm run bench -- gpu [--json] [--rounds N] [NAME...]
    Compare the backends on a GPU. NAME is a checkpoint: shipped, 60m, 150m or 500m.

npm run bench -- imported [--json] [--brief] [--keep] [--rounds N] [--threads N] [--formats A,B] [--levels A,B]
             [--engines A,B] [NAME...]
    Compare this engine with llama.cpp on GGUF files. NAME is smollm2 or one of bench/shapes.py, such as
    qwen2.5-coder-0.5b; formats are q8_0 and q4_0, levels native and avx2. Files with drawn weights take up to 2 GB
    and are deleted afterwards unless you --keep them.

npm run bench -- elastic --model FOLDER [--parts bits,drafts,speed] [--tokens N] [--places N] [--minutes N] [--rounds N]
             [--threads N] HELDOUT
    Make a copy of a model elastic with one half of the packages of HELDOUT, and measure bits, drafters and speed by width on
    the other. HELDOUT is the file that \`python -m training.corpus --heldout-only\` writes.

npm run bench -- encoders [--rounds N] [--chunk TOKENS] [FOLDER...]
    Measure encoders by size, and compare them with PyTorch. FOLDER is that of an encoder.

npm run bench -- vectors [--rounds N] [--sizes N,N] [--encoder FOLDER]
    Compare this engine's index of vectors with usearch and sqlite-vec on embeddings of this repository's code.

npm run bench -- search [--encoder FOLDER] [--pairs FILE] [--queries N] [--query-words N]
    Measure what the search finds by words, by the embedding, and by both with several weights. FILE is the heldout.jsonl that
    \`python -m training.encoders.pairs\` writes; --query-words keeps only the first words of each query.
`;
const { values, positionals } = options();
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const names = positionals.length > 0 ? positionals : onGpu ? ['shipped', '60m', '150m', '500m'] : ['shipped', 'random'];

await main(async () => {
  await must(process.execPath, [join(root, 'scripts', 'build.mjs'), '--quiet']);
  // Half a gigabyte is fetched and written only if there is a GPU.
  if (onGpu && run('gpu.mts', '--look') !== 0) return 0;
  if (isImported) return compareImported();
  if (isElastic) return run('elastic.mts', ...args);
  if (isEncoders) return measureEncoders();
  if (isVectors) return compareVectors();
  if (isSearch) return run('search.mts', ...args);
  if (!values.engines || values.engines.includes('node-llama-cpp')) await installPeers();
  const { python, why } = await preparePython('bench');
  if (!python) throw new Fault(`The bench needs PyTorch: ${why}.`);
  await must(python, ['-m', 'bench.prepare', ...names]);
  const rounds = values.rounds === undefined ? [] : ['--rounds', values.rounds];
  if (onGpu) return run('gpu.mts', ...(values.json ? ['--json'] : []), ...rounds, ...names);
  await compilePeak();
  return run('run.mts', ...args);
});

/** Models that people have, in this engine and in llama.cpp. */
async function compareImported() {
  if (!values.engines || values.engines.includes('node-llama-cpp')) await installPeers();
  await smollm2();
  const { python, why } = await preparePython();
  if (!python) throw new Fault(`The bench needs Python's gguf: ${why}.`);
  process.env.BENCH_PYTHON = python;
  await compilePeak();
  return run('imported.mts', ...args);
}

/** Encoders, in this engine and in PyTorch. */
async function measureEncoders() {
  const { python, why } = await preparePython();
  if (!python) throw new Fault(`The bench needs PyTorch: ${why}.`);
  process.env.BENCH_PYTHON = python;
  return run('encoders.mts', ...args);
}

/** The index of vectors and its peers, without the optional packages of all others. */
async function compareVectors() {
  const { platform, arch } = process;
  const libsql = { darwin: '', win32: '-msvc', linux: '-gnu' }[platform];
  const libraries = {
    'sqlite-vec': `sqlite-vec-${platform === 'win32' ? 'windows' : platform}-${arch}`,
    libsql: `@libsql/${platform}-${arch}${libsql}`,
  };
  const { dependencies } = JSON.parse(readFileSync(join(bench, 'package.json'), 'utf8'));
  const isThere = (name) => existsSync(join(bench, 'node_modules', name));
  if (![...Object.values(libraries), 'usearch'].every(isThere)) {
    process.stderr.write('Installing the peers into bench/node_modules\n');
    const npm = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional'];
    const exact = Object.entries(libraries).map(([name, library]) => `${library}@${dependencies[name]}`);
    await must('npm', npm, { cwd: bench });
    await must('npm', [...npm, '--no-save', ...exact], { cwd: bench });
  }
  return run('vectors.mts', ...args);
}

async function compilePeak() {
  const folder = join(root, 'build', 'bench');
  mkdirSync(folder, { recursive: true });
  const flags = ['-O3', '-march=native', '-std=c++17', '-pthread'];
  await must(process.env.CXX ?? 'c++', [...flags, join(bench, 'peak.cc'), '-o', join(folder, 'peak')]);
}

/** Checks the options before anything is installed or built. */
function options() {
  const threads = { threads: { type: 'string' } };
  const others = onGpu
    ? {}
    : isImported
      ? {
          ...threads,
          brief: { type: 'boolean' },
          keep: { type: 'boolean' },
          formats: { type: 'string' },
          levels: { type: 'string' },
          engines: { type: 'string' },
        }
      : isElastic
        ? {
            ...threads,
            model: { type: 'string' },
            parts: { type: 'string' },
            tokens: { type: 'string' },
            places: { type: 'string' },
            minutes: { type: 'string' },
          }
        : isEncoders
          ? { chunk: { type: 'string' } }
          : isVectors
            ? { sizes: { type: 'string' }, encoder: { type: 'string' } }
            : isSearch
              ? {
                  encoder: { type: 'string' },
                  pairs: { type: 'string' },
                  queries: { type: 'string' },
                  'query-words': { type: 'string' },
                }
              : { ...threads, engines: { type: 'string' } };
  try {
    const parsed = parseArgs({
      args,
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        rounds: { type: 'string' },
        ...others,
      },
    });
    for (const name of ['rounds', 'threads', 'chunk', 'queries', 'query-words']) {
      const value = parsed.values[name];
      if (value !== undefined && !/^[1-9]\d{0,5}$/.test(value)) {
        throw new Fault(`--${name} ${value}: expected a whole number from 1 on`);
      }
    }
    const { engines } = parsed.values;
    if (engines !== undefined && engines.split(',')[0] !== 'matcoder') {
      throw new Fault(`--engines ${engines}: matcoder must come first, because the others are compared with it`);
    }
    return parsed;
  } catch (error) {
    const [fault] = error.message.split('\n');
    process.stderr.write(`bench: ${fault.replace(/\. To specify.*/, '')}; see npm run bench -- --help\n`);
    process.exit(1);
  }
}

function run(file, ...args) {
  return spawnSync(process.execPath, [tsx, join(bench, file), ...args], { stdio: 'inherit' }).status ?? 1;
}

/** llama.cpp with its libraries for what is measured. */
async function installPeers() {
  const kind = process.platform === 'darwin' && process.arch === 'arm64' ? 'metal' : onGpu ? 'vulkan' : '';
  await installLlamaCpp(bench, [llamaCppLibrary(kind)]);
}
