import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './run.mjs';
import { hashOf, once } from './stamp.mjs';

/** The modules that each use of Python imports, and the files that pin them. */
const uses = {
  training: { modules: ['torch', 'pytest'], requirements: ['training/requirements.txt'] },
  native: { modules: ['ziglang'], requirements: ['native/requirements.txt'] },
  binaries: { modules: ['lief'], requirements: ['test/platforms/binaries/requirements.txt'] },
  pip: { modules: ['pip'], requirements: [] }, // a new environment has it
  bench: { modules: ['torch', 'onnx'], requirements: ['training/requirements.txt', 'bench/requirements.txt'] },
};

/** The environment that `preparePython` sets up; the user's own `.venv` is left as it is. */
const environment = join(root, 'build', 'python');
const installMs = 900_000;

/** The program of a virtual environment. */
function pythonOf(folder) {
  return process.platform === 'win32' ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
}

/** Whether a Python has modules that can be imported. */
export async function hasModule(python, ...names) {
  return (await run(python, ['-c', `import ${names.join(', ')}`], { quiet: true })).code === 0;
}

/**
 * The first of $PYTHON, the one of .venv and python3 that can import the needed modules; otherwise one in build/python, which
 * is set up once. With PyTorch that takes two minutes and 1.5 GB, with Zig's compiler alone half a minute and 0.4 GB.
 *
 * @param {keyof typeof uses} use
 * @returns {Promise<{python: string, why?: undefined} | {python?: undefined, why: string}>} `why` there is none
 */
export async function preparePython(use = 'training') {
  const { modules, requirements } = uses[use];
  const own = [process.env.PYTHON, pythonOf(join(root, '.venv')), 'python3', 'python'];
  for (const python of own.filter(Boolean)) {
    if (python.includes('.venv') && !existsSync(python)) continue;
    if (await hasModule(python, ...modules)) return { python };
  }
  const base = await supportedPython();
  if (!base) return { why: 'this needs Python 3.11 or newer as python3, with venv and pip' };
  const python = pythonOf(environment);
  try {
    const key = hashOf(...requirements.map((file) => join(root, file)));
    await once(join(environment, `.matcoder-${use}`), key, () => install(base, python, requirements));
  } catch (error) {
    return { why: error.message };
  }
  return { python };
}

async function supportedPython() {
  const check = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))';
  for (const python of ['python3', 'python']) {
    if ((await run(python, ['-c', check], { quiet: true })).code === 0) return python;
  }
  return undefined;
}

async function install(base, python, requirements) {
  console.log(
    `Installing ${requirements.join(' and ') || 'Python'} in build/python; this takes up to a few minutes, once ...`,
  );
  if (!existsSync(python)) {
    rmSync(environment, { recursive: true, force: true }); // an attempt that was interrupted
    const { code, output } = await run(base, ['-m', 'venv', environment], { quiet: true });
    if (code !== 0) throw new Error(`${base} -m venv build/python failed: ${lastLine(output)}`);
  }
  if (requirements.length === 0) return;
  const files = requirements.flatMap((file) => ['-r', join(root, file)]);
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...files];
  const { code, output } = await run(python, args, { quiet: true, timeoutMs: installMs });
  if (code !== 0) throw new Error(`pip could not install ${requirements.join(' and ')}: ${lastLine(output)}`);
}

function lastLine(output) {
  return output.trimEnd().split('\n').at(-1)?.trim() || 'it printed nothing';
}
