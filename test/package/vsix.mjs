import { buffer } from 'node:stream/consumers';
import { openPromise } from 'yauzl';

/**
 * Reads a package.
 *
 * @param {string} path
 * @returns {Promise<Map<string, {contents: Buffer, packedBytes: number, mode: number}>>} by name, in the package's order
 */
export async function readPackage(path) {
  const zip = await openPromise(path);
  const files = new Map();
  for await (const entry of zip.eachEntry()) {
    const contents = await buffer(await zip.openReadStreamPromise(entry));
    const mode = (entry.externalFileAttributes >>> 16) & 0o777;
    files.set(entry.fileName, { contents, packedBytes: entry.compressedSize, mode });
  }
  return files;
}

const ELF = { 62: 'x64', 183: 'arm64' };
const PE = { 0x8664: 'x64', 0xaa64: 'arm64' };
const MACH_O = { 0x01000007: 'x64', 0x0100000c: 'arm64' };

/** The platform of a library by its first bytes: `linux-x64`, `darwin-arm64`, … Alpine's are `linux-…` too. */
export function platformOf(contents) {
  if (contents.toString('latin1', 0, 4) === '\x7fELF') return `linux-${ELF[contents.readUInt16LE(18)]}`;
  if (contents.toString('latin1', 0, 2) === 'MZ')
    return `win32-${PE[contents.readUInt16LE(contents.readUInt32LE(60) + 4)]}`;
  if (contents.readUInt32LE(0) === 0xfeedfacf) return `darwin-${MACH_O[contents.readUInt32LE(4)]}`;
  return undefined;
}
