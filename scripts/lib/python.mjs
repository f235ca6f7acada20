import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './run.mjs';

/** Whether a Python has a module that can be imported. */
export async function hasModule(python, name) {
  return (await run(python, ['-c', `import ${name}`], { quiet: true })).code === 0;
}

/**
 * The Python that can train: $PYTHON, else that of .venv, else python3, whichever imports PyTorch and pytest first.
 *
 * @returns {Promise<string | undefined>}
 */
export async function trainingPython() {
  const inVenv = process.platform === 'win32' ? '.venv/Scripts/python.exe' : '.venv/bin/python';
  const candidates = [process.env.PYTHON, join(root, inVenv), 'python3'];
  for (const python of candidates.filter(Boolean)) {
    if (python.includes('.venv') && !existsSync(python)) continue;
    if (await hasModule(python, 'torch, pytest')) return python;
  }
  return undefined;
}
