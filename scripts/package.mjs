// Make the extension's packages, one for each platform: `npm run package -- --target all`.
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { buildAddon, targets, thisTarget } from './lib/native.mjs';
import { noticesOfTarget } from './lib/notices.mjs';
import { copyOnnxRuntime, hasOnnxRuntime } from './lib/onnxRuntime.mjs';
import { isPreRelease } from './lib/release.mjs';
import { Fault, main, must, root } from './lib/run.mjs';
import { packageOf, sourceDate } from './lib/vsix.mjs';
import { copyWebgpu, hasWebgpu } from './lib/webgpu.mjs';

const usage = `npm run package [-- OPTIONS]

  --target T      the platform: ${targets.join(', ')}, or "all"; without it, this machine's
  --pre-release   mark the packages as pre-releases, whose minor version has to be odd
  --help          print this`;

function options() {
  try {
    const { values } = parseArgs({
      options: {
        target: { type: 'string' },
        'pre-release': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const target = values.target ?? thisTarget();
    if (target === undefined) throw new Error(`There is no package for ${process.platform}-${process.arch}`);
    if (target !== 'all' && !targets.includes(target)) throw new Error(`There is no target ${target}`);
    return { ...values, chosen: target === 'all' ? targets : [target] };
  } catch (error) {
    throw new Fault(`${error.message}\n\n${usage}`);
  }
}

/** The marketplace would take it, but the next release could not have a higher version than its pre-releases. */
function checkVersion() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (!isPreRelease(version)) {
    throw new Fault(`package.json: version ${version} cannot be a pre-release, because its minor version is even.`);
  }
}

/**
 * Puts together the files that a package is made of in a folder. Their modes are the same on every machine.
 *
 * @param {string[]} files those of .vscodeignore, relative to the root
 */
async function stage(folder, target, files) {
  const prebuilds = join(folder, 'prebuilds', target);
  for (const file of files) cpSync(join(root, file), join(folder, file));
  mkdirSync(prebuilds, { recursive: true });
  cpSync(await buildAddon(target), join(prebuilds, 'matcoder_engine.node'));
  const contents = { hasOnnxRuntime: hasOnnxRuntime(target), hasWebgpu: hasWebgpu(target) };
  if (contents.hasOnnxRuntime) copyOnnxRuntime(target, join(prebuilds, 'node_modules'));
  if (contents.hasWebgpu) copyWebgpu(target, join(prebuilds, 'node_modules'));
  writeFileSync(join(folder, 'dist', 'ThirdPartyNotices.txt'), noticesOfTarget(target, contents));
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) chmodSync(join(entry.parentPath, entry.name), 0o644);
  }
}

/**
 * An environment in which vsce writes the same bytes for the same files: it sorts them, by the rules of the locale, and takes
 * their dates from SOURCE_DATE_EPOCH, which a zip file holds as local time.
 */
function reproducible() {
  return { ...process.env, LC_ALL: 'C', TZ: 'UTC', SOURCE_DATE_EPOCH: sourceDate() };
}

async function packageFor(target, files, preRelease) {
  const vsix = packageOf(target);
  // A folder of this process alone, because another one may package the same target. A half-written package in it cannot be taken
  // for a complete one.
  const folder = join(root, 'build', 'package', `${target}-${process.pid}`);
  const part = `${folder}.vsix`;
  try {
    await stage(folder, target, files);
    const vsce = join(root, 'node_modules', '@vscode', 'vsce', 'vsce');
    const args = ['package', '--target', target, '--no-dependencies', '--out', part];
    await must(process.execPath, [vsce, ...args, ...(preRelease ? ['--pre-release'] : [])], {
      cwd: folder,
      env: reproducible(),
    });
    renameSync(part, vsix);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(part, { force: true });
  }
  const missing = [...(hasOnnxRuntime(target) ? [] : ['ONNX Runtime']), ...(hasWebgpu(target) ? [] : ['WebGPU'])];
  const without = missing.map((name) => `, without ${name}, which has no libraries for it`).join('');
  console.log(`matcoder-${target}.vsix: ${(statSync(vsix).size / 1e6).toFixed(1)} MB${without}`);
}

await main(async () => {
  const { chosen, help, 'pre-release': preRelease } = options();
  if (help) return console.log(usage);
  if (preRelease) checkVersion();
  await build();
  const { listFiles, PackageManager } = await import('@vscode/vsce'); // which the build may have installed only now
  const files = await listFiles({ cwd: root, packageManager: PackageManager.None });
  for (const target of chosen) await packageFor(target, files, preRelease);
});
