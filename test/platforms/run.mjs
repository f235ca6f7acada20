/**
 * Tests on the platforms whose Node.js can be run on this machine: `npm run platforms`, and a stage of `npm test`.
 * Options: names of targets; --unit and --engine for those tests instead of the short suite; --grep TEXT for some of them.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { countTests } from '../../scripts/lib/counts.mjs';
import { buildAddon, thisTarget } from '../../scripts/lib/native.mjs';
import { Fault, main, must, root, run } from '../../scripts/lib/run.mjs';
import { hostFeatures } from './features.mjs';
import { prepareNode, runnable, runNode, work } from './nodes.mjs';
import { translate } from './translate.mjs';

/** Which tests are run. */
const suites = {
  short: 'test/platforms/suite/*.test.ts',
  unit: 'test/unit/**/*.test.ts',
  engine: 'test/engine/**/*.test.ts',
};

/** Of one test: an emulated processor is slow, and this machine may be busy. */
const TIMEOUT_MS = 900_000;

/**
 * Runs a suite on each platform. What each prints is shown when it has ended, because two run at a time.
 *
 * @param {{targets?: string[], suite?: keyof typeof suites, grep?: string}} options
 * @returns {Promise<{code: number, output: string, notRun: string[]}>} `notRun` names platforms and reasons
 */
export async function testPlatforms({ targets = runnable, suite = 'short', grep } = {}) {
  await translate();
  const notRun = [];
  const machines = [];
  // What this machine computes is what the others are compared with in the short suite.
  for (const target of new Set(suite === 'short' ? [thisTarget(), ...targets] : targets)) {
    try {
      machines.push(await prepareNode(target));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      notRun.push({ target, why: error.message });
    }
  }
  // An addon that does not compile is a fault, and no reason to skip a platform.
  for (const { target } of machines) await buildAddon(target);
  const reference = join(work, 'reference.json');
  mkdirSync(work, { recursive: true });
  rmSync(reference, { force: true });
  const left = machines.values();
  const results = [];
  if (suite === 'short' && machines.length > 0) {
    const env = { MATCODER_PLATFORM_RECORD: reference };
    results.push(await testPlatform(left.next().value, { suite, grep, env }));
  }
  const lane = async () => {
    for (const machine of left) {
      const env = { MATCODER_PLATFORM_REFERENCE: machine.path(reference) };
      results.push(await testPlatform(machine, { suite, grep, env }));
    }
  };
  await Promise.all([lane(), lane()]);
  console.log(
    `\n${[...results.map(summary), ...notRun.map(({ target, why }) => `${target}: not run, ${why}`)].join('\n')}`,
  );
  return {
    code: results.find(({ code }) => code !== 0)?.code ?? 0,
    output: results.map(({ output }) => output).join('\n'),
    notRun: notRun.map(({ target, why }) => `${target} (${why})`),
  };
}

/** Tests the addons of all platforms as files, and what these tests are made of. */
export function testBinaries() {
  return run(process.execPath, ['node_modules/mocha/bin/mocha.js', '--no-config', 'test/platforms/**/*.test.mjs']);
}

async function testPlatform(machine, { suite, grep, env }) {
  const startMs = Date.now();
  console.log(`${machine.target} begins: ${machine.by}`);
  const mocha = ['node_modules/mocha/bin/mocha.js', '--no-config', '--extension', 'ts', '--timeout', `${TIMEOUT_MS}`];
  const hooks = ['test/platforms/translated.cjs', 'test/temporary.ts'].flatMap((file) => ['--require', `./${file}`]);
  const reporter = ['--reporter', suite === 'short' ? 'spec' : 'dot'];
  const wanted = grep === undefined ? [] : ['--grep', grep];
  const result = await runNode(machine, [...mocha, ...hooks, ...reporter, ...wanted, suites[suite]], {
    env: { MATCODER_PLATFORM_FEATURES: machine.features ?? (await hostFeatures()), ...env },
  });
  console.log(`\n${machine.target}\n${result.output}`);
  return { ...machine, seconds: Math.round((Date.now() - startMs) / 1000), ...result };
}

function summary({ target, code, output, by, seconds }) {
  const { passing, failing, skipped } = countTests(output);
  const kernels = /kernels: (\w+)/.exec(output)?.[1];
  const parts = [
    `${passing} passing`,
    failing || code ? `${failing || 1} failing` : '',
    skipped ? `${skipped} pending` : '',
  ];
  const verdict = parts.filter(Boolean).join(', ');
  return `${target.padEnd(13)} ${verdict}${kernels ? `, kernels ${kernels}` : ''} (${by}, ${seconds} s)`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { unit: { type: 'boolean' }, engine: { type: 'boolean' }, grep: { type: 'string' } },
    });
    const unknown = positionals.find((target) => !runnable.includes(target));
    if (unknown) throw new Fault(`${unknown} cannot be run here; the platforms are ${runnable.join(', ')}.`);
    await must(process.execPath, ['scripts/build.mjs'], { quiet: false });
    mkdirSync(work, { recursive: true });
    const suite = values.unit ? 'unit' : values.engine ? 'engine' : 'short';
    const targets = positionals.length ? positionals : runnable;
    const { code, notRun } = await testPlatforms({ targets, suite, grep: values.grep });
    // Whoever names platforms wants them run.
    return code || (positionals.length && notRun.length ? 1 : 0);
  });
}
