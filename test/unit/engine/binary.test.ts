import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type BinaryKind, factsOf, HEAD_SIZE } from '../../../src/engine/binary';

/** The first bytes of a library: numbers at their offsets, little-endian. */
function head(...fields: [offset: number, bytes: 2 | 4, value: number][]): Uint8Array {
  const bytes = Buffer.alloc(1024);
  for (const [offset, length, value] of fields) bytes.writeUIntLE(value, offset, length);
  return bytes;
}

const ELF = 0x464c457f;
const PE = 0x4550;

describe('a native library', () => {
  const cases: [string, Uint8Array, BinaryKind | undefined][] = [
    ['of Linux on x64', head([0, 4, ELF], [18, 2, 62]), { platform: 'linux', arch: 'x64' }],
    ['of Linux on Arm', head([0, 4, ELF], [18, 2, 183]), { platform: 'linux', arch: 'arm64' }],
    ['of Linux on RISC-V', head([0, 4, ELF], [18, 2, 243]), { platform: 'linux', arch: undefined }],
    ['of macOS on x64', head([0, 4, 0xfeedfacf], [4, 4, 0x01000007]), { platform: 'darwin', arch: 'x64' }],
    ['of macOS on Arm', head([0, 4, 0xfeedfacf], [4, 4, 0x0100000c]), { platform: 'darwin', arch: 'arm64' }],
    [
      'of Windows on x64',
      head([0, 2, 0x5a4d], [0x3c, 4, 0x80], [0x80, 4, PE], [0x84, 2, 0x8664]),
      { platform: 'win32', arch: 'x64' },
    ],
    [
      'of Windows on Arm',
      head([0, 2, 0x5a4d], [0x3c, 4, 0x78], [0x78, 4, PE], [0x7c, 2, 0xaa64]),
      { platform: 'win32', arch: 'arm64' },
    ],
    [
      'is unknown of a text',
      Buffer.from('not a library, but a text that is long enough to hold every field of a header'),
      undefined,
    ],
    ['is unknown of an empty file', new Uint8Array(), undefined],
    ['is unknown of a file that ends within its header', head([0, 4, ELF]).subarray(0, 10), undefined],
    ['is unknown if the header is beyond the end', head([0, 2, 0x5a4d], [0x3c, 4, 0xffffff]), undefined],
  ];
  for (const [name, bytes, kind] of cases) {
    it(name, () => {
      assert.deepEqual(factsOf(bytes), kind && { ...kind, leastSize: 0 });
    });
  }

  it('of this machine is whole, and at least as long as its headers say', () => {
    const content = readFileSync(process.execPath);
    const { platform, arch, leastSize } = factsOf(content.subarray(0, HEAD_SIZE))!;
    assert.deepEqual([platform, arch], [process.platform, process.arch]);
    assert.ok(leastSize > content.length / 2 && leastSize <= content.length, `${leastSize} of ${content.length}`);
  });

  it('of macOS ends with its last segment', () => {
    // Two load commands: another one, and a segment of 300 bytes from 4096 on.
    const bytes = head([0, 4, 0xfeedfacf], [4, 4, 0x0100000c], [16, 4, 2], [32, 4, 0x2], [36, 4, 24]);
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    view.writeUInt32LE(0x19, 56);
    view.writeUInt32LE(72, 60);
    view.writeUInt32LE(4096, 56 + 40);
    view.writeUInt32LE(300, 56 + 48);
    assert.equal(factsOf(bytes)?.leastSize, 4396);
  });

  it('of Windows ends with its last section', () => {
    const bytes = head([0, 2, 0x5a4d], [0x3c, 4, 0x80], [0x80, 4, PE], [0x84, 2, 0x8664], [0x86, 2, 1], [0x94, 2, 240]);
    const section = 0x80 + 24 + 240;
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    view.writeUInt32LE(512, section + 16);
    view.writeUInt32LE(1024, section + 20);
    assert.equal(factsOf(bytes)?.leastSize, 1536);
  });
});
