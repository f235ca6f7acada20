import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { preparePython } from './python.mjs';
import { Fault, must, root } from './run.mjs';

const REQUIREMENTS = join(root, 'native', 'requirements.txt');

/**
 * Zig's compiler of the pinned version, which compiles C++ for every platform on any of them. It comes as a Python package, and is
 * installed into build/python if no Python has it.
 *
 * @returns {Promise<string>} the path of the program
 */
export async function prepareZig() {
  const { python, why } = await preparePython('native');
  if (!python) throw new Fault(`The native engine is compiled by Zig, which is a Python package, but ${why}.`);
  const find = 'import os, ziglang; print(os.path.dirname(ziglang.__file__))';
  const folder = (await must(python, ['-c', find])).trim();
  const zig = join(folder, process.platform === 'win32' ? 'zig.exe' : 'zig');
  const version = (await must(zig, ['version'])).trim();
  const pinned = /^ziglang==(.+)$/m.exec(readFileSync(REQUIREMENTS, 'utf8'))[1];
  if (version !== pinned) {
    throw new Fault(
      `${zig} is Zig ${version}, but packages are made with ${pinned}: ${python} -m pip install ziglang==${pinned}`,
    );
  }
  return zig;
}
