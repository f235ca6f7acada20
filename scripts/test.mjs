// Run every test, or the stages that are named: `npm test`, `npm test -- unit e2e`.
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installCodeServer, unsupported } from '../test/e2e/install.mjs';
import { chromium, chromiumPackages } from '../test/e2e/chromium.mjs';
import { tryInstallPackages } from './lib/apt.mjs';
import { countTests, faultsIn } from './lib/counts.mjs';
import { hasModule, preparePython } from './lib/python.mjs';
import { Fault, main, root, run } from './lib/run.mjs';
import { smollm2 } from './lib/smollm2.mjs';
import { packagedExtension } from './lib/vsix.mjs';

const node = process.execPath;

/**
 * A stage runs its commands and returns the exit code and what was printed, or says why it is skipped. It may name parts of it
 * that were not run, with the reasons. A stage without counts (lint) passes or fails as one test.
 */
const stages = {
  lint: { counted: false, run: () => run('npm', ['run', '--silent', 'lint']) },
  unit: { counted: true, run: () => run('npm', ['run', '--silent', 'test:unit']) },
  native: { counted: true, run: testNative },
  engine: { counted: true, run: testEngine },
  platforms: { counted: true, run: testOnPlatforms },
  python: { counted: true, run: testPython },
  commands: { counted: true, run: testCommands },
  package: { counted: true, run: testPackages },
  e2e: { counted: true, run: testInVSCode },
};

/**
 * Several stages run in two lanes side by side, because most of them use one core. Those of a lane share what they build: the
 * packages are made of the addons of all platforms, and VS Code installs one of the packages.
 */
const lanes = [
  ['lint', 'unit', 'native', 'engine', 'python', 'commands'],
  ['platforms', 'package', 'e2e'],
];

/** The Arm kernels are tested with a cross compiler under an emulator. */
async function installForNative() {
  const works = async (command) => (await run(command, ['--version'], { quiet: true })).code === 0;
  if (process.arch !== 'arm64' && !((await works('qemu-aarch64')) && (await works('aarch64-linux-gnu-g++')))) {
    await tryInstallPackages(['g++-aarch64-linux-gnu', 'qemu-user'], 'The Arm kernels are not tested.');
  }
}

async function testNative() {
  await installForNative();
  return run(node, ['native/test/run.mjs']);
}

/** Chromium comes with a Vulkan driver in software, with which the GPU's path is tested. */
async function installForEngine() {
  if (!existsSync('/usr/lib/chromium/vk_swiftshader_icd.json')) {
    await tryInstallPackages(chromiumPackages, 'WebGPU is not tested.');
  }
}

async function testEngine() {
  await installForEngine();
  return run('npm', ['run', '--silent', 'test:engine']);
}

/** The engine, the command line and hard paths on the platforms that this machine can run, and the addons of all as files. */
async function testOnPlatforms() {
  const { testBinaries, testPlatforms } = await import('../test/platforms/run.mjs');
  const onEach = await testPlatforms();
  const files = await testBinaries();
  return { code: onEach.code || files.code, output: `${onEach.output}\n${files.output}`, notRun: onEach.notRun };
}

/** Every command that the documentation names, at a tiny size. */
async function testCommands() {
  return runAll(node, [['node_modules/mocha/bin/mocha.js', 'test/commands/*.test.mjs'], ['test/commands/run.mjs']]);
}

/** The packages of all platforms, made here, and one of them a second time in another folder. */
async function testPackages() {
  return runAll(node, [
    ['scripts/package.mjs', '--target', 'all'],
    ['node_modules/mocha/bin/mocha.js', 'test/package/*.test.mjs'],
  ]);
}

async function testPython() {
  const { python, why } = await preparePython();
  if (!python) return { skipped: why };
  const commands = [['pytest', '-q']];
  if (await hasModule(python, 'ruff'))
    commands.push(['ruff', 'check'], ['ruff', 'format', '--check', 'training', 'test/python']);
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

/** Stages with tests that import SmolLM2. */
const importing = ['unit', 'engine', 'python', 'commands', 'e2e'];

/** What stages install that must not be installed twice at a time. A stage reports what is missing in spite of this. */
async function prepare(names) {
  const needs = (...some) => some.some((name) => names.includes(name));
  if (needs('native')) await installForNative();
  if (needs('engine', 'e2e')) await installForEngine();
  if (needs('python', 'commands')) await preparePython();
  if (needs('platforms', 'package', 'native')) await preparePython('native');
  if (needs('platforms')) await preparePython('binaries');
  if (needs('commands', 'e2e') && !unsupported()) await installCodeServer().catch(() => undefined);
  if (needs(...importing)) await smollm2().catch(() => undefined);
}

/** Runs a stage and shows what it prints. */
async function runStage(name) {
  console.log(`\n── ${name} ${'─'.repeat(72 - name.length)}`);
  const startMs = Date.now();
  const { counted, run: start } = stages[name];
  let result;
  try {
    if (importing.includes(name)) await smollm2();
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
  const notRun = result.notRun ?? [];
  return { name, seconds, ...counts, skipped: counts.skipped + notRun.length, notRun };
}

/** Runs a stage in a process of its own, and shows what it printed when it has ended. */
function runApart(name) {
  return new Promise((resolve) => {
    const startMs = Date.now();
    const child = fork(fileURLToPath(import.meta.url), [name], { silent: true });
    let output = '';
    let result;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('message', (message) => (result = message));
    child.on('close', () => {
      console.log(output.trimEnd());
      // Its process may have crashed.
      const seconds = ((Date.now() - startMs) / 1000).toFixed(0);
      result ??= { name, seconds, passing: 0, failing: 1, skipped: 0 };
      resolve(result.failing ? { ...result, faults: faultsIn(output) } : result);
    });
  });
}

/** Runs stages, side by side where they can be. @returns their results in the order of `names` */
async function runStages(names) {
  const [only, ...more] = names;
  if (more.length === 0) return [await runStage(only)];
  await prepare(names);
  const results = new Map();
  await Promise.all(
    lanes.map(async (lane) => {
      for (const name of lane) if (names.includes(name)) results.set(name, await runApart(name));
    }),
  );
  return names.map((name) => results.get(name));
}

function summary({ name, seconds, passing, failing, skipped, why, notRun = [] }) {
  const verdict = why
    ? `skipped: ${why}`
    : failing
      ? `${failing} failing, ${passing} passing`
      : passing
        ? `${passing} passing`
        : 'clean';
  const parts = [verdict, skipped ? `${skipped} skipped` : '', ...notRun.map((part) => `not run: ${part}`)];
  return `${name.padEnd(10)}${parts.filter(Boolean).join(', ')} (${seconds} s)`;
}

await main(async () => {
  const chosen = process.argv.slice(2);
  const unknown = chosen.find((name) => !(name in stages));
  if (unknown) throw new Fault(`There is no stage ${unknown}; the stages are ${Object.keys(stages).join(', ')}.`);

  const build = await run(node, ['scripts/build.mjs']);
  if (build.code !== 0) throw new Fault('The build failed, so nothing was tested.');

  const results = await runStages(chosen.length ? [...new Set(chosen)] : Object.keys(stages));
  if (process.send) {
    // This is one stage, and the process that started it sums up.
    process.send(results[0]);
    process.disconnect();
    return results[0].failing ? 1 : 0;
  }

  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const without = results.filter(({ why }) => why);
  const parts = [`${sum('passing')} passing`, `${sum('failing')} failing`];
  if (sum('skipped')) parts.push(`${sum('skipped')} skipped`);
  if (without.length) {
    const reasons = without.map(({ name, why }) => `${name}: ${why}`).join('; ');
    parts.push(`${without.length} ${without.length === 1 ? 'stage' : 'stages'} skipped (${reasons})`);
  }
  for (const { name, faults } of results) if (faults) console.log(`\n${name}:\n${faults}`);
  console.log(`\n${results.map(summary).join('\n')}\n\n${parts.join(', ')}`);
  // The last line is for programs that read it.
  console.log(`${sum('passing')} passed, ${sum('failing')} failed, ${sum('skipped') + without.length} skipped`);
  return sum('failing') ? 1 : 0;
});
