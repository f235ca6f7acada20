/** Writes GGUF files for tests, well-formed or not. */

/** A value of metadata with its type, as `readGguf` numbers them. */
export type Value =
  | { readonly type: 'u8' | 'u32' | 'i32' | 'f32' | 'bool'; readonly value: number }
  | { readonly type: 'u64'; readonly value: bigint }
  | { readonly type: 'string'; readonly value: string; readonly claimed?: bigint }
  | { readonly type: 'array'; readonly of: Value['type']; readonly value: readonly Value[]; readonly claimed?: bigint }
  | { readonly type: 'unknown'; readonly id: number };

export interface WrittenTensor {
  readonly name: string;
  /** Columns first, as in the file. */
  readonly sizes: readonly (number | bigint)[];
  readonly type: number;
  readonly offset?: number | bigint;
  readonly data?: Uint8Array;
}

export interface Written {
  readonly magic?: string;
  readonly version?: number;
  readonly metadata?: readonly (readonly [key: string, value: Value])[];
  readonly tensors?: readonly WrittenTensor[];
  readonly tensorCount?: bigint;
  readonly entryCount?: bigint;
  readonly alignment?: number;
  /** Bytes after the header; by default the tensors' data. */
  readonly dataBytes?: number;
}

const IDS = { u8: 0, u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9, u64: 10 } as const;

export const u32 = (value: number): Value => ({ type: 'u32', value });
export const f32 = (value: number): Value => ({ type: 'f32', value });
export const text = (value: string): Value => ({ type: 'string', value });
export const texts = (values: readonly string[]): Value => ({ type: 'array', of: 'string', value: values.map(text) });
export const numbers = (values: readonly number[]): Value => ({
  type: 'array',
  of: 'i32',
  value: values.map((value) => ({ type: 'i32', value })),
});

export function ggufBytes(written: Written): Buffer {
  const { metadata = [], tensors = [], alignment = 32 } = written;
  const parts: Buffer[] = [
    Buffer.from(written.magic ?? 'GGUF'),
    int32(written.version ?? 3),
    int64(written.tensorCount ?? BigInt(tensors.length)),
    int64(written.entryCount ?? BigInt(metadata.length)),
  ];
  for (const [key, value] of metadata) parts.push(string(key), int32(idOf(value)), valueBytes(value));
  const data: Buffer[] = [];
  let offset = 0;
  for (const tensor of tensors) {
    const bytes = Buffer.from(tensor.data ?? []);
    parts.push(string(tensor.name), int32(tensor.sizes.length), ...tensor.sizes.map((size) => int64(BigInt(size))));
    parts.push(int32(tensor.type), int64(BigInt(tensor.offset ?? offset)));
    data.push(bytes, Buffer.alloc(padding(bytes.length, alignment)));
    offset += bytes.length + padding(bytes.length, alignment);
  }
  const header = Buffer.concat(parts);
  const rest = written.dataBytes === undefined ? Buffer.concat(data) : Buffer.alloc(written.dataBytes);
  return Buffer.concat([header, Buffer.alloc(rest.length > 0 ? padding(header.length, alignment) : 0), rest]);
}

function idOf(value: Value): number {
  return value.type === 'unknown' ? value.id : IDS[value.type];
}

function valueBytes(value: Value): Buffer {
  switch (value.type) {
    case 'u8':
    case 'bool':
      return Buffer.from([value.value]);
    case 'u32':
    case 'i32':
      return int32(value.value);
    case 'f32':
      return Buffer.from(Float32Array.of(value.value).buffer);
    case 'u64':
      return int64(value.value);
    case 'string':
      return string(value.value, value.claimed);
    case 'array': {
      const id = value.of === 'unknown' ? 99 : IDS[value.of];
      const count = int64(value.claimed ?? BigInt(value.value.length));
      return Buffer.concat([int32(id), count, ...value.value.map(valueBytes)]);
    }
    case 'unknown':
      return Buffer.alloc(8);
  }
}

function string(value: string, claimed?: bigint): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int64(claimed ?? BigInt(bytes.length)), bytes]);
}

function int32(value: number): Buffer {
  return Buffer.from(Int32Array.of(value).buffer);
}

function int64(value: bigint): Buffer {
  return Buffer.from(BigUint64Array.of(value).buffer);
}

function padding(bytes: number, alignment: number): number {
  return (alignment - (bytes % alignment)) % alignment;
}
