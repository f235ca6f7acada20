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
// The programs below check their options; here only the names of checkpoints are told apart from the values of options.
const { values, positionals } = parseArgs({
  args,
  strict: false,
  allowPositionals: true,
  options: { rounds: { type: 'string' }, threads: { type: 'string' }, engines: { type: 'string' } },
});
const names = positionals.length > 0 ? positionals : onGpu ? ['shipped', '60m', '150m', '500m'] : ['shipped', 'random'];

await main(async () => {
  await must(process.execPath, [join(root, 'scripts', 'build.mjs'), '--quiet']);
  // Half a gigabyte is fetched and written only if there is a GPU.
  if (onGpu && run('gpu.mts', '--look') !== 0) return 0;
  if (!values.engines || values.engines.includes('node-llama-cpp')) await installPeers();
  const { python, why } = await preparePython('bench');
  if (!python) throw new Fault(`The bench needs PyTorch: ${why}.`);
  await must(python, ['-m', 'bench.prepare', ...names]);
  if (onGpu) return run('gpu.mts', ...args.filter((word) => word.startsWith('-')), ...names);
  const flags = ['-O3', '-march=native', '-std=c++17', '-pthread'];
  const peak = [join(bench, 'peak.cc'), '-o', join(root, 'build', 'bench', 'peak')];
  await must(process.env.CXX ?? 'c++', [...flags, ...peak]);
  return run('run.mts', ...args);
});

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
