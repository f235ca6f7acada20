import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './run.mjs';

/**
 * Files that the npm package has and the extension does not use.
 * - macOS's package holds the library under two names; only one is loaded.
 * - It runs on the processor only: graphics cards are left to our own kernels, so the library of DirectML and the compilers
 *   of its kernels for WebGPU are not needed.
 */
const UNUSED = /\.(map|d\.ts)$|libonnxruntime\.\d+\.\d+.*\.dylib$|(DirectML|dxcompiler|dxil)\.dll$/;

/** The folder of a target's libraries in the npm package: they are made for glibc, so Alpine has none. */
function librariesOf(target) {
  const [platform, arch] = target.split('-');
  return join('bin', 'napi-v6', platform, arch);
}

/** Whether ONNX Runtime has libraries for a target. There are none for Alpine and for Intel Macs. */
export function hasOnnxRuntime(target) {
  return existsSync(join(root, 'node_modules', 'onnxruntime-node', librariesOf(target)));
}

/** Copies two packages without unneeded files: their npm packages hold the libraries of all platforms. */
export function copyOnnxRuntime(target, into) {
  const parts = {
    'onnxruntime-node': ['package.json', 'dist', librariesOf(target)],
    'onnxruntime-common': ['package.json', join('dist', 'cjs')],
  };
  for (const [name, paths] of Object.entries(parts)) {
    for (const path of paths) {
      cpSync(join(root, 'node_modules', name, path), join(into, name, path), {
        recursive: true,
        filter: (file) => !UNUSED.test(file),
      });
    }
  }
}
