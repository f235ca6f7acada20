// Install the peers, write the checkpoints in their formats, and let all engines take turns: `npm run bench -- --json`, or on
// a GPU `npm run bench -- gpu --json`.
import { existsSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { preparePython } from './lib/python.mjs';
import { Fault, main, must, root } from './lib/run.mjs';

const bench = join(root, 'bench');
const tsx = join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs');
const onGpu = process.argv[2] === 'gpu';
const args = process.argv.slice(onGpu ? 3 : 2);
const USAGE = `npm run bench -- [--json] [--rounds N] [--threads N] [--engines A,B] [NAME...]
    Compare this engine with its peers on the processor. The engines are matcoder, node-llama-cpp and onnxruntime-node;
    matcoder comes first. NAME is a checkpoint: shipped or random.

npm run bench -- gpu [--json] [--rounds N] [NAME...]
    Compare the backends on a GPU. NAME is a checkpoint: shipped, 60m, 150m or 500m.
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
  if (!values.engines || values.engines.includes('node-llama-cpp')) await installPeers();
  const { python, why } = await preparePython('bench');
  if (!python) throw new Fault(`The bench needs PyTorch: ${why}.`);
  await must(python, ['-m', 'bench.prepare', ...names]);
  const rounds = values.rounds === undefined ? [] : ['--rounds', values.rounds];
  if (onGpu) return run('gpu.mts', ...(values.json ? ['--json'] : []), ...rounds, ...names);
  const flags = ['-O3', '-march=native', '-std=c++17', '-pthread'];
  const peak = [join(bench, 'peak.cc'), '-o', join(root, 'build', 'bench', 'peak')];
  await must(process.env.CXX ?? 'c++', [...flags, ...peak]);
  return run('run.mts', ...args);
});

/** Checks the options before anything is installed or built. */
function options() {
  const onProcessor = { threads: { type: 'string' }, engines: { type: 'string' } };
  try {
    const parsed = parseArgs({
      args,
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        rounds: { type: 'string' },
        ...(onGpu ? {} : onProcessor),
      },
    });
    for (const name of ['rounds', 'threads']) {
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

/** node-llama-cpp's own installation brings the libraries of every GPU, half a gigabyte: this platform's is enough. */
async function installPeers() {
  const { dependencies } = JSON.parse(readFileSync(join(bench, 'package.json'), 'utf8'));
  const kind = process.platform === 'darwin' && process.arch === 'arm64' ? 'metal' : onGpu ? 'vulkan' : '';
  const os = { win32: 'win', darwin: 'mac' }[process.platform] ?? process.platform;
  const library = `@node-llama-cpp/${os}-${process.arch}${kind && `-${kind}`}`;
  const wanted = dependencies['node-llama-cpp'];
  const manifest = join(bench, 'node_modules', library, 'package.json');
  if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === wanted) return;
  process.stderr.write('Installing the peers into bench/node_modules\n');
  const npm = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional'];
  await must('npm', npm, { cwd: bench });
  await must('npm', [...npm, '--no-save', `${library}@${wanted}`], { cwd: bench });
}
