// Run every test, or the stages that are named: `npm test`, `npm test -- unit e2e`.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installCodeServer, unsupported } from '../test/e2e/install.mjs';
import { chromium, chromiumPackages } from '../test/e2e/chromium.mjs';
import { tryInstallPackages } from './lib/apt.mjs';
import { countTests } from './lib/counts.mjs';
import { hasModule, preparePython } from './lib/python.mjs';
import { Fault, main, root, run } from './lib/run.mjs';
import { packagedExtension } from './lib/vsix.mjs';

const node = process.execPath;

/**
 * A stage runs its commands and returns the exit code and what was printed, or says why it is skipped. A stage without
 * counts (lint) passes or fails as one test.
 */
const stages = {
  lint: { counted: false, run: () => run('npm', ['run', '--silent', 'lint']) },
  unit: { counted: true, run: () => run('npm', ['run', '--silent', 'test:unit']) },
  native: { counted: true, run: testNative },
  engine: { counted: true, run: testEngine },
  python: { counted: true, run: testPython },
  commands: { counted: true, run: testCommands },
  e2e: { counted: true, run: testInVSCode },
};

/** The Arm kernels are tested with a cross compiler under an emulator. */
async function testNative() {
  const works = async (command) => (await run(command, ['--version'], { quiet: true })).code === 0;
  if (process.arch !== 'arm64' && !((await works('qemu-aarch64')) && (await works('aarch64-linux-gnu-g++')))) {
    await tryInstallPackages(['g++-aarch64-linux-gnu', 'qemu-user'], 'The Arm kernels are not tested.');
  }
  return run(node, ['native/test/run.mjs']);
}

/** Chromium comes with a Vulkan driver in software, with which the GPU's path is tested. */
async function testEngine() {
  if (!existsSync('/usr/lib/chromium/vk_swiftshader_icd.json')) {
    await tryInstallPackages(chromiumPackages, 'WebGPU is not tested.');
  }
  return run('npm', ['run', '--silent', 'test:engine']);
}

/** Every command that the documentation names, at a tiny size. */
async function testCommands() {
  return runAll(node, [['node_modules/mocha/bin/mocha.js', 'test/commands/*.test.mjs'], ['test/commands/run.mjs']]);
}

async function testPython() {
  const { python, why } = await preparePython();
  if (!python) return { skipped: why };
  const commands = [['pytest', '-q', 'training']];
  if (await hasModule(python, 'ruff')) commands.push(['ruff', 'check'], ['ruff', 'format', '--check', 'training']);
  return runAll(
    python,
    commands.map((command) => ['-m', ...command]),
  );
}

/** Runs a program with each list of arguments, also after one has failed. */
async function runAll(program, lists) {
  const results = [];
  for (const args of lists) results.push(await run(program, args));
  return {
    code: results.find(({ code }) => code !== 0)?.code ?? 0,
    output: results.map(({ output }) => output).join('\n'),
  };
}

async function testInVSCode() {
  const why = unsupported();
  if (why) return { skipped: why };
  await installCodeServer();
  await chromium();
  const env = { ...process.env, MATCODER_VSIX: process.env.MATCODER_VSIX ?? (await packagedExtension()) };
  return run('npm', ['test', '--silent'], { cwd: join(root, 'test/e2e'), env });
}

async function runStage(name) {
  console.log(`\n── ${name} ${'─'.repeat(72 - name.length)}`);
  const startMs = Date.now();
  const { counted, run: start } = stages[name];
  let result;
  try {
    result = await start();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    console.error(error.message);
    result = { code: 1, output: '' };
  }
  const seconds = ((Date.now() - startMs) / 1000).toFixed(0);
  if (result.skipped) return { name, seconds, passing: 0, failing: 0, skipped: 0, why: result.skipped };

  const counts = counted ? countTests(result.output) : { passing: 0, failing: 0, skipped: 0 };
  if (counted && result.code === 0 && counts.passing === 0) {
    console.error(`The stage ${name} ran no test.`);
    result.code = 1;
  }
  // A stage that failed before, or outside, its tests counts as one failure.
  if (result.code !== 0) counts.failing ||= 1;
  return { name, seconds, ...counts };
}

function summary({ name, seconds, passing, failing, skipped, why }) {
  const verdict = why
    ? `skipped: ${why}`
    : failing
      ? `${failing} failing, ${passing} passing`
      : passing
        ? `${passing} passing`
        : 'clean';
  return `${name.padEnd(9)}${verdict}${skipped ? `, ${skipped} skipped` : ''} (${seconds} s)`;
}

await main(async () => {
  const chosen = process.argv.slice(2);
  const unknown = chosen.find((name) => !(name in stages));
  if (unknown) throw new Fault(`There is no stage ${unknown}; the stages are ${Object.keys(stages).join(', ')}.`);

  const build = await run(node, ['scripts/build.mjs']);
  if (build.code !== 0) throw new Fault('The build failed, so nothing was tested.');

  const results = [];
  for (const name of chosen.length ? chosen : Object.keys(stages)) results.push(await runStage(name));

  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const without = results.filter(({ why }) => why);
  const parts = [`${sum('passing')} passing`, `${sum('failing')} failing`];
  if (sum('skipped')) parts.push(`${sum('skipped')} skipped`);
  if (without.length) {
    const reasons = without.map(({ name, why }) => `${name}: ${why}`).join('; ');
    parts.push(`${without.length} ${without.length === 1 ? 'stage' : 'stages'} skipped (${reasons})`);
  }
  console.log(`\n${results.map(summary).join('\n')}\n\n${parts.join(', ')}`);
  // The last line is for programs that read it.
  console.log(`${sum('passing')} passed, ${sum('failing')} failed, ${sum('skipped') + without.length} skipped`);
  return sum('failing') ? 1 : 0;
});
