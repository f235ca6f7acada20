// Install the peers, write the checkpoints in their formats, and let all engines take turns: `npm run bench -- --json`, or on
// a graphics card `npm run bench -- gpu --json`.
import { existsSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { trainingPython } from './lib/python.mjs';
import { Fault, main, must, root } from './lib/run.mjs';

const bench = join(root, 'bench');
const [first, ...rest] = process.argv.slice(2);
const onGpu = first === 'gpu';
const tsx = join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs');

await main(async () => {
  await must(process.execPath, [join(root, 'scripts', 'build.mjs'), '--quiet']);
  // Before half a gigabyte is fetched and written for nothing.
  if (onGpu && run('gpu.mts', '--look') !== 0) return 0;
  await installPeers();
  const python = await trainingPython();
  if (!python) {
    throw new Fault(
      'The bench needs PyTorch: python3 -m venv .venv && .venv/bin/pip install -r training/requirements.txt',
    );
  }
  await must(python, ['-c', 'import onnx'], { advice: `${python} -m pip install -r bench/requirements.txt` });
  const [names, options] = [rest.filter((word) => !word.startsWith('-')), rest.filter((word) => word.startsWith('-'))];
  const onGpus = names.length > 0 ? names : ['shipped', '60m', '150m', '500m'];
  await must(python, ['-m', 'bench.prepare', ...(onGpu ? onGpus : [])]);
  if (onGpu) return run('gpu.mts', ...options, ...onGpus);
  const flags = ['-O3', '-march=native', '-std=c++17', '-pthread'];
  const peak = [join(bench, 'peak.cc'), '-o', join(root, 'build', 'bench', 'peak')];
  await must(process.env.CXX ?? 'c++', [...flags, ...peak]);
  return run('run.mts', ...process.argv.slice(2));
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
