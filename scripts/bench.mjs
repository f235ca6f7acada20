// Install the peers, write the checkpoints in their formats, and let all engines take turns: `npm run bench -- --json`.
import { existsSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { trainingPython } from './lib/python.mjs';
import { Fault, main, must, root } from './lib/run.mjs';

const bench = join(root, 'bench');

await main(async () => {
  await must(process.execPath, [join(root, 'scripts', 'build.mjs'), '--quiet']);
  await installPeers();
  const python = await trainingPython();
  if (!python) {
    throw new Fault(
      'The bench needs PyTorch: python3 -m venv .venv && .venv/bin/pip install -r training/requirements.txt',
    );
  }
  await must(python, ['-c', 'import onnx'], { advice: `${python} -m pip install -r bench/requirements.txt` });
  await must(python, ['-m', 'bench.prepare']);
  const flags = ['-O3', '-march=native', '-std=c++17', '-pthread'];
  const peak = [join(bench, 'peak.cc'), '-o', join(root, 'build', 'bench', 'peak')];
  await must(process.env.CXX ?? 'c++', [...flags, ...peak]);
  const tsx = join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs');
  return spawnSync(process.execPath, [tsx, join(bench, 'run.mts'), ...process.argv.slice(2)], { stdio: 'inherit' })
    .status;
});

/** node-llama-cpp's own installation brings the libraries of every GPU, half a gigabyte: this platform's is enough. */
async function installPeers() {
  const { dependencies } = JSON.parse(readFileSync(join(bench, 'package.json'), 'utf8'));
  const kind = process.platform === 'darwin' && process.arch === 'arm64' ? 'metal' : '';
  const os = { win32: 'win', darwin: 'mac' }[process.platform] ?? process.platform;
  const library = `@node-llama-cpp/${os}-${process.arch}${kind && `-${kind}`}`;
  if (existsSync(join(bench, 'node_modules', library))) return;
  process.stderr.write('Installing the peers into bench/node_modules\n');
  const npm = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional'];
  await must('npm', npm, { cwd: bench });
  await must('npm', [...npm, '--no-save', `${library}@${dependencies['node-llama-cpp']}`], { cwd: bench });
}
