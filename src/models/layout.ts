/** Writing safetensors files: where each tensor goes. Format: https://github.com/huggingface/safetensors#format */

/** The place of a tensor: bytes from the start of the data. */
export interface Part {
  readonly name: string;
  readonly dtype: 'F32' | 'F16' | 'I8' | 'U8';
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** The data of a safetensors file: 32-bit numbers first, so that every tensor is aligned to its numbers. */
export class Layout {
  private readonly parts: { -readonly [K in keyof Part]: Part[K] }[] = [];
  bytes = 0;

  /** The place is known once the header is made. */
  add(name: string, dtype: Part['dtype'], shape: readonly number[]): Part {
    const part = { name, dtype, shape, begin: 0, end: 0 };
    this.parts.push(part);
    return part;
  }

  /** With its length before it. */
  header(): Buffer {
    const size = { F32: 4, F16: 2, I8: 1, U8: 1 } as const;
    const inOrder = [...this.parts].sort((a, b) => size[b.dtype] - size[a.dtype]);
    const entries: [string, unknown][] = [['__metadata__', { format: 'pt' }]];
    for (const part of inOrder) {
      part.begin = this.bytes;
      this.bytes += sizeOf(part.shape) * size[part.dtype];
      part.end = this.bytes;
      entries.push([part.name, { dtype: part.dtype, shape: part.shape, data_offsets: [part.begin, part.end] }]);
    }
    const text = JSON.stringify(Object.fromEntries(entries));
    const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    return Buffer.concat([length, json]);
  }
}

/** Numbers in a tensor. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}
