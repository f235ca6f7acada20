import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must, root } from './run.mjs';

/** The version of node-llama-cpp that bench/package.json names. */
export function llamaCppVersion() {
  return JSON.parse(readFileSync(join(root, 'bench', 'package.json'), 'utf8')).dependencies['node-llama-cpp'];
}

/**
 * The package that holds llama.cpp's libraries for this platform.
 *
 * @param {'' | 'vulkan' | 'cuda' | 'metal'} kind '' for the processor alone
 */
export function llamaCppLibrary(kind) {
  const os = { win32: 'win', darwin: 'mac' }[process.platform] ?? process.platform;
  return `@node-llama-cpp/${os}-${process.arch}${kind && `-${kind}`}`;
}

/**
 * Installs node-llama-cpp with some of its libraries: its own installation brings those of every GPU, half a gigabyte.
 *
 * @param {string} folder with the package.json to install; node_modules/ comes to be in it
 * @param {string[]} libraries of `llamaCppLibrary`
 */
export async function installLlamaCpp(folder, libraries) {
  const version = llamaCppVersion();
  const isThere = (name) => {
    const manifest = join(folder, 'node_modules', name, 'package.json');
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version;
  };
  if (['node-llama-cpp', ...libraries].every(isThere)) return;
  process.stderr.write(`Installing the peers into ${folder}/node_modules\n`);
  const npm = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional'];
  await must('npm', npm, { cwd: folder });
  // In one command, because each removes what it was not asked for.
  await must('npm', [...npm, '--no-save', ...libraries.map((name) => `${name}@${version}`)], { cwd: folder });
}
