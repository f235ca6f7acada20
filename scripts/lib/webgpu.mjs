import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './run.mjs';

/**
 * What the extension uses of the npm package `webgpu`, which holds Dawn for all platforms: one folder of libraries. Without
 * `dxcompiler.dll`, Direct3D would compile our kernels by the older compiler, which has no products of packed int8. That one,
 * `d3dcompiler_47.dll`, is a part of Windows 10 and newer.
 */
const FOLDERS = {
  'linux-x64': { name: 'linux-x64', files: ['dawn.node'] },
  'linux-arm64': { name: 'linux-arm64', files: ['dawn.node'] },
  'darwin-x64': { name: 'darwin-universal', files: ['dawn.node'] },
  'darwin-arm64': { name: 'darwin-universal', files: ['dawn.node'] },
  'win32-x64': { name: 'win32-x64', files: ['dawn.node', 'dxcompiler.dll'] },
  'win32-arm64': { name: 'win32-arm64', files: ['dawn.node', 'dxcompiler.dll'] },
};

/** Whether Dawn has libraries for a target. They need glibc on Linux, so there are none for Alpine. */
export function hasWebgpu(target) {
  return target in FOLDERS;
}

/** Copies the package with the libraries of one target. */
export function copyWebgpu(target, into) {
  const { name, files } = FOLDERS[target];
  const from = join(root, 'node_modules', 'webgpu');
  const to = join(into, 'webgpu');
  mkdirSync(join(to, 'dist', name), { recursive: true });
  copyFileSync(join(from, 'package.json'), join(to, 'package.json'));
  for (const file of files) {
    const contents = readFileSync(join(from, 'dist', name, file));
    const arch = name === 'darwin-universal' ? target.slice('darwin-'.length) : undefined;
    writeFileSync(join(to, 'dist', name, file), arch ? sliceOf(contents, arch) : contents);
  }
}

const CPU_TYPES = { x64: 0x01000007, arm64: 0x0100000c };

/** The part for one processor of a universal binary of macOS; its signature is within it. See <mach-o/fat.h>. */
function sliceOf(contents, arch) {
  if (contents.readUInt32BE(0) !== 0xcafebabe) throw new Error('dawn.node is not a universal binary of macOS any more');
  for (let i = 0; i < contents.readUInt32BE(4); i++) {
    const entry = 8 + 20 * i;
    const [cpuType, offset, size] = [0, 8, 12].map((at) => contents.readUInt32BE(entry + at));
    if (cpuType === CPU_TYPES[arch]) return contents.subarray(offset, offset + size);
  }
  throw new Error(`dawn.node has no part for ${arch}`);
}
