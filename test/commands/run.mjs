// Runs every command that the documentation names, at a tiny size, and fails if one fails: `npm test -- commands`.
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unsupported } from '../e2e/install.mjs';
import { preparePython } from '../../scripts/lib/python.mjs';
import { main, root } from '../../scripts/lib/run.mjs';
import { documentedCommands } from './documented.mjs';
import { plan, rules } from './rules.mjs';

const scratch = join(root, 'build', 'commands');
const limitMs = 240_000;
const interruptMs = 30_000;
/** Packages of the tiny corpora, as the manifests pin them. */
const packages = { 'corpus.toml': ['rbush', 'zustand', 'abitype', 'mobx'], 'corpus-wide.toml': ['jedi', 'mistune'] };

/**
 * A folder with everything that the commands read, into which alone they write: code as links, models and results as copies.
 */
function makeScratch(python) {
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(join(scratch, 'build'), { recursive: true });
  for (const name of ['bench', 'dist', 'node_modules', 'scripts', 'src', 'test', 'training']) {
    symlinkSync(join(root, name), join(scratch, name), 'dir');
  }
  for (const name of ['examples', 'media', 'models', 'docs/results', 'package.json', 'pyproject.toml']) {
    cpSync(join(root, name), join(scratch, name), { recursive: true });
  }
  for (const done of ['claims/d64-S', 'recipe/sampled-xs', 'recipe/late']) {
    rmSync(join(scratch, 'docs/results', `${done}.json`));
  }
  writeFileSync(join(scratch, 'tiny.toml'), manifest(packages['corpus.toml'], 'corpus.toml'));
  writeFileSync(join(scratch, 'tiny-wide.toml'), manifest(packages['corpus-wide.toml'], 'corpus-wide.toml'));
  writeFileSync(join(scratch, 'build/key.ts'), 'export const keys = 1;\n');
  // The names that the documentation uses for the Python that is set up here.
  const bin = join(scratch, 'bin');
  mkdirSync(bin);
  const program = (name, command) => {
    writeFileSync(join(bin, name), `#!/bin/sh\nexec ${command} "$@"\n`);
    chmodSync(join(bin, name), 0o755);
  };
  program('python', `'${python}'`);
  program('torchrun', `'${python}' -m torch.distributed.run`);
  return bin;
}

/** The rows of these packages in a manifest of the training, with its limits. */
function manifest(names, file) {
  const text = readFileSync(join(root, 'training', file), 'utf8');
  const [head, ...rows] = text.split(/^(?=\[\[package\]\]$)/m);
  const chosen = names.map((name) => {
    const row = rows.find((candidate) => candidate.includes(`name = "${name}"`));
    if (!row) throw new Error(`training/${file} has no package ${name}, which the commands' test reads`);
    return row;
  });
  return head.replace(/^include = .*$/m, 'include = "tiny.toml"') + chosen.join('');
}

/** Runs one step. @returns why it failed; undefined if it succeeded */
function runStep({ line, rule }, bin) {
  return new Promise((resolve) => {
    const env = {
      ...process.env,
      PATH: `${bin}:${process.env.PATH}`,
      OMP_NUM_THREADS: '1',
      TORCHDYNAMO_DISABLE: '1', // compiling takes longer than all the rest
    };
    const cwd = join(scratch, rule.folder ?? '');
    // A group of its own, so that nothing that it started outlives it.
    const child = spawn('sh', ['-c', line], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    let isFound = false;
    const signal = (name) => {
      try {
        process.kill(-child.pid, name);
      } catch {
        // it has ended
      }
    };
    let isStopped = false;
    const stop = (reason) => {
      isStopped = true;
      output += `\n${reason}`;
      signal('SIGKILL');
    };
    let timer = setTimeout(() => stop(`It was stopped after ${limitMs / 1000} s.`), limitMs);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        if (isFound || !rule.until?.test(output)) return;
        isFound = true;
        signal('SIGINT');
        clearTimeout(timer);
        timer = setTimeout(
          () => stop(`It had not ended ${interruptMs / 1000} s after it was interrupted.`),
          interruptMs,
        );
      });
    }
    child.on('close', (code) => {
      clearTimeout(timer);
      signal('SIGKILL');
      const isFine = !isStopped && (rule.until ? isFound : code === 0);
      resolve(isFine ? undefined : `code ${code}\n${output.trimEnd().split('\n').slice(-25).join('\n')}`);
    });
  });
}

await main(async () => {
  const { steps, faults } = plan(await documentedCommands(), rules);
  let passing = 0;
  let pending = 0;
  for (const fault of faults) console.error(`  failed: ${fault}`);

  const { python, why } = await preparePython();
  const bin = makeScratch(python ?? 'false');
  const report = async (step) => {
    const startMs = Date.now();
    const fault = await runStep(step, bin);
    const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
    if (fault === undefined) passing++;
    else faults.push(step.command);
    console.log(`  ${fault === undefined ? 'ok' : 'failed'} (${seconds} s): ${step.line}`);
    if (fault !== undefined) console.error(`    ${step.file} names it. ${fault.replaceAll('\n', '\n    ')}`);
  };
  const skip = ({ line }, reason) => {
    pending++;
    console.log(`  skipped: ${line} (${reason})`);
  };
  const needsPython = ({ line, rule }) =>
    rule.lane === 'prepare' ||
    rule.lane === 'python' ||
    /build\/(corpus|wide|mine|places)|\bbench$|bench --/.test(line);
  const lane = async (name) => {
    for (const step of steps.filter(({ rule }) => rule.lane === name)) {
      if (!python && needsPython(step)) skip(step, why);
      else if (step.rule.until && unsupported()) skip(step, unsupported());
      else await report(step);
    }
  };
  for (const { command, rule } of steps) {
    if (rule.lane === 'elsewhere') console.log(`  not run here: ${command} (${rule.why})`);
  }
  await lane('prepare');
  await Promise.all([lane('python'), lane('node')]);

  console.log(`\n  ${passing} passing`);
  if (faults.length > 0) console.log(`  ${faults.length} failing`);
  if (pending > 0) console.log(`  ${pending} pending`);
  return faults.length > 0 ? 1 : 0;
});
