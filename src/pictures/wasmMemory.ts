const PAGE_BYTES = 65_536;
const MEMORY_SECTION = 5;

/**
 * A WebAssembly module whose memory cannot grow beyond a limit: a larger one is refused to it, as on a machine that has no more.
 * The module has to define one memory of 32 bits without a maximum, as Rust's compiler writes it.
 */
export function withMemoryLimit(module: Uint8Array, maxBytes: number): Uint8Array {
  let at = 8; // the magic number and the version
  while (at < module.length) {
    const start = at;
    const id = module[at++];
    const size = readNumber(module, at);
    if (id === MEMORY_SECTION) {
      const count = readNumber(module, size.end);
      const flags = readNumber(module, count.end);
      const initial = readNumber(module, flags.end);
      if (count.value !== 1 || flags.value !== 0 || initial.end !== size.end + size.value) break;
      const body = [1, 1, ...written(initial.value), ...written(Math.floor(maxBytes / PAGE_BYTES))];
      const section = [MEMORY_SECTION, ...written(body.length), ...body];
      return Buffer.concat([module.subarray(0, start), Uint8Array.from(section), module.subarray(initial.end)]);
    }
    at = size.end + size.value;
  }
  throw new Error('the WebAssembly module defines no memory that can be limited');
}

/** LEB128, unsigned. */
function readNumber(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let shift = 0; shift < 32; shift += 7) {
    const byte = bytes[at++] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  return { value, end: at };
}

function written(value: number): number[] {
  const bytes = [];
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return [...bytes, value];
}
