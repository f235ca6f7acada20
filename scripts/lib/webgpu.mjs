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

/** Copies the package with the libraries of one target, made to be loaded by an editor's program. */
export function copyWebgpu(target, into) {
  const { name, files } = FOLDERS[target];
  const from = join(root, 'node_modules', 'webgpu');
  const to = join(into, 'webgpu');
  mkdirSync(join(to, 'dist', name), { recursive: true });
  copyFileSync(join(from, 'package.json'), join(to, 'package.json'));
  for (const file of files) {
    const contents = readFileSync(join(from, 'dist', name, file));
    writeFileSync(join(to, 'dist', name, file), file === 'dawn.node' ? adapted(contents, target) : contents);
  }
}

/** Dawn's library for one target. */
function adapted(contents, target) {
  const [system, arch] = target.split('-');
  if (system === 'darwin') return sliceOf(contents, arch);
  return system === 'win32' ? importingFrom(contents, 'node.exe', 'matcoder_engine.node') : contents;
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

/**
 * A library of Windows that imports from another one than before. Dawn's imports from `node.exe`, so that an editor, whose program has
 * another name, cannot load it; our addon has the same functions (native/src/windows_node_api.cc), and is loaded before it. The new
 * name is written into the rest of the last page of a section, which only the name's place in the import table refers to. See
 * Microsoft's "PE Format", The .idata Section.
 */
function importingFrom(library, before, after) {
  const contents = Buffer.from(library);
  const header = contents.readUInt32LE(0x3c);
  const optional = header + 24;
  if (contents.readUInt32LE(header) !== 0x4550 || contents.readUInt16LE(optional) !== 0x20b) {
    throw new Error('dawn.node is not a 64-bit library of Windows any more');
  }
  const sections = optional + contents.readUInt16LE(header + 20);
  const section = (address) => {
    for (let at = sections; at < sections + 40 * contents.readUInt16LE(header + 6); at += 40) {
      const [size, start, fileSize, offset] = [8, 12, 16, 20].map((field) => contents.readUInt32LE(at + field));
      if (address >= start && address < start + size) return { at, size, start, fileSize, offset };
    }
    throw new Error(`dawn.node has no section at ${address}`);
  };
  const place = (address) => address - section(address).start + section(address).offset;
  const table = contents.readUInt32LE(optional + 120);
  for (let entry = place(table); contents.readUInt32LE(entry + 12) !== 0; entry += 20) {
    const name = place(contents.readUInt32LE(entry + 12));
    if (contents.toString('latin1', name, contents.indexOf(0, name)) !== before) continue;
    const { at, size, start, fileSize, offset } = section(table);
    if (fileSize - size <= after.length) throw new Error(`dawn.node has no room for the name ${after}`);
    contents.write(`${after}\0`, offset + size, 'latin1');
    contents.writeUInt32LE(size + after.length + 1, at + 8);
    contents.writeUInt32LE(start + size, entry + 12);
    return contents;
  }
  throw new Error(`dawn.node does not import from ${before} any more`);
}
