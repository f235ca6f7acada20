import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, must, root } from './run.mjs';
import { newest } from './stamp.mjs';

/** The inputs of the extension's package. */
const contents = [
  'dist',
  'prebuilds',
  'native/build/Release',
  'models',
  'media',
  'package.json',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
  '.vscodeignore',
  'scripts/package.mjs',
];

/**
 * The packaged extension. It is built and packaged again if any input is newer.
 *
 * @returns {Promise<string>} the path of the VSIX
 */
export async function packagedExtension() {
  await must(process.execPath, ['scripts/build.mjs'], { quiet: false });
  const vsix = join(root, 'matcoder.vsix');
  if (newest(vsix) > newest(...contents.map((path) => join(root, path)))) return vsix;
  await must('npm', ['run', '--silent', 'package']);
  if (!existsSync(vsix)) throw new Fault(`npm run package succeeded, but ${vsix} is missing.`);
  return vsix;
}
