import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { addonOf, thisTarget } from './native.mjs';
import { Fault, must, root } from './run.mjs';
import { newest } from './stamp.mjs';

/** The inputs of the extension's package, except the addon. */
const contents = [
  'dist',
  'l10n',
  'licenses',
  'models',
  'media',
  'package.json',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
  '.vscodeignore',
  'scripts/package.mjs',
  'scripts/lib/notices.mjs',
  'scripts/lib/onnxRuntime.mjs',
  'scripts/lib/webgpu.mjs',
  ...readdirSync(root).filter((name) => /^package\.nls\b.*\.json$/.test(name)),
];

/** The path of the package for a target, a name like `linux-x64`. */
export function packageOf(target) {
  return join(root, `matcoder-${target}.vsix`);
}

/** The date of the files in a package, in seconds since 1970: $SOURCE_DATE_EPOCH, or that of the commit. */
export function sourceDate() {
  const { stdout } = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' });
  const committed = stdout?.trim() || '946684800'; // without a repository, the first second of 2000
  return process.env.SOURCE_DATE_EPOCH ?? committed;
}

/**
 * The packaged extension for this machine. It is built and packaged again if any input is newer.
 *
 * @returns {Promise<string>} the path of the VSIX
 */
export async function packagedExtension() {
  const target = thisTarget();
  if (target === undefined) throw new Fault(`There is no package for ${process.platform}-${process.arch}.`);
  await must(process.execPath, ['scripts/build.mjs'], { quiet: false });
  const vsix = packageOf(target);
  if (newest(vsix) > newest(addonOf(target), ...contents.map((path) => join(root, path)))) return vsix;
  await must('npm', ['run', '--silent', 'package']);
  if (!existsSync(vsix)) throw new Fault(`npm run package succeeded, but ${vsix} is missing.`);
  return vsix;
}
