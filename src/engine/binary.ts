/** The system and the processor that a native library is made for, by Node's names. */
export interface BinaryKind {
  readonly platform: 'linux' | 'darwin' | 'win32';
  /** Undefined for a processor that no target has. */
  readonly arch: 'x64' | 'arm64' | undefined;
}

/** What the first bytes of a native library tell. */
export interface BinaryFacts extends BinaryKind {
  /** Bytes that the file has at least if it is whole. */
  readonly leastSize: number;
}

/** First bytes of a library that hold all of its headers. */
export const HEAD_SIZE = 16_384;

const ELF = 0x7f454c46;
/** Of 64 bits, as all of today's Macs are. */
const MACH_O = 0xfeedfacf;
/** `PE` and two zeros. */
const PE = 0x50450000;

/**
 * What a native library is made for, and how long it is; undefined if it is none, or cut within its headers. The formats:
 * https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html, Apple's mach-o/loader.h and
 * https://learn.microsoft.com/windows/win32/debug/pe-format.
 * @param head its first HEAD_SIZE bytes, or all of it
 */
export function factsOf(head: Uint8Array): BinaryFacts | undefined {
  const bytes = new DataView(head.buffer, head.byteOffset, head.byteLength);
  try {
    if (bytes.getUint32(0) === ELF) return elf(bytes);
    if (bytes.getUint32(0, true) === MACH_O) return machO(bytes);
    const header = bytes.getUint32(0x3c, true);
    return bytes.getUint16(0) === 0x4d5a && bytes.getUint32(header) === PE ? pe(bytes, header) : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined; // it ends within its headers
    throw error;
  }
}

const LOADED_SEGMENT = 1;

function elf(bytes: DataView): BinaryFacts {
  const table = Number(bytes.getBigUint64(32, true));
  const [entrySize, count] = [bytes.getUint16(54, true), bytes.getUint16(56, true)];
  const ends = range(count).map((i) => {
    const entry = table + i * entrySize;
    if (bytes.getUint32(entry, true) !== LOADED_SEGMENT) return 0;
    return Number(bytes.getBigUint64(entry + 8, true)) + Number(bytes.getBigUint64(entry + 32, true));
  });
  const arch = archOf(bytes.getUint16(18, true), { x64: 62, arm64: 183 });
  return { platform: 'linux', arch, leastSize: Math.max(0, ...ends) };
}

const SEGMENT_64 = 0x19;

function machO(bytes: DataView): BinaryFacts {
  let command = 32;
  let leastSize = 0;
  for (let left = bytes.getUint32(16, true); left > 0; left--) {
    if (bytes.getUint32(command, true) === SEGMENT_64) {
      const end = Number(bytes.getBigUint64(command + 40, true)) + Number(bytes.getBigUint64(command + 48, true));
      leastSize = Math.max(leastSize, end);
    }
    command += bytes.getUint32(command + 4, true);
  }
  const arch = archOf(bytes.getUint32(4, true), { x64: 0x01000007, arm64: 0x0100000c });
  return { platform: 'darwin', arch, leastSize };
}

function pe(bytes: DataView, header: number): BinaryFacts {
  const table = header + 24 + bytes.getUint16(header + 20, true);
  const ends = range(bytes.getUint16(header + 6, true)).map((i) => {
    const section = table + 40 * i;
    return bytes.getUint32(section + 16, true) + bytes.getUint32(section + 20, true);
  });
  const arch = archOf(bytes.getUint16(header + 4, true), { x64: 0x8664, arm64: 0xaa64 });
  return { platform: 'win32', arch, leastSize: Math.max(0, ...ends) };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function archOf(machine: number, known: Readonly<Record<'x64' | 'arm64', number>>): BinaryKind['arch'] {
  return (['x64', 'arm64'] as const).find((arch) => known[arch] === machine);
}
