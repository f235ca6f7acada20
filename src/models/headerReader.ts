import type { FileHandle } from 'node:fs/promises';
import { ImportError } from './importError';

/** Bytes that are read at once. */
const CHUNK = 1 << 20;

/**
 * Reads numbers and strings from the beginning of a file. Nothing that the file claims makes it take more memory than the file
 * has bytes, and never more than `maxBytes`.
 *
 * The methods `take…` need bytes that are in the window. Ask `has` first, and `await fill` if they are not: awaiting for every
 * string of a vocabulary would take seconds.
 */
export class HeaderReader {
  private window = Buffer.alloc(0);
  private at = 0;
  /** Position of the window in the file. */
  private begin = 0;
  /** What is being read, for messages. */
  place = 'the first bytes';

  constructor(
    private readonly file: string,
    private readonly handle: FileHandle,
    private readonly fileBytes: number,
    private readonly maxBytes: number,
  ) {}

  /** Bytes from the start of the file. */
  get position(): number {
    return this.begin + this.at;
  }

  get bytesLeft(): number {
    return this.fileBytes - this.position;
  }

  has(bytes: number): boolean {
    return this.window.length - this.at >= bytes;
  }

  /** Get at least so many bytes into the window. @throws {ImportError} if the file has fewer, or the header is too long */
  async fill(bytes: number): Promise<void> {
    if (this.has(bytes)) return;
    if (bytes > this.bytesLeft)
      this.fail(`it ends inside ${this.place}: it has ${this.fileBytes} bytes, so it is truncated`);
    if (this.position + bytes > this.maxBytes)
      this.fail(`its header has more than ${this.maxBytes / 1e6} MB, in ${this.place}`);
    const wanted = Math.min(Math.max(bytes, CHUNK), this.bytesLeft);
    const rest = this.window.subarray(this.at);
    const next = Buffer.allocUnsafe(wanted);
    rest.copy(next);
    this.begin = this.position;
    for (let filled = rest.length; filled < wanted; ) {
      const { bytesRead } = await this.handle.read(next, filled, wanted - filled, this.begin + filled);
      if (bytesRead === 0) this.fail('it became shorter while it was read');
      filled += bytesRead;
    }
    this.window = next;
    this.at = 0;
  }

  fail(fault: string): never {
    throw new ImportError(this.file, fault);
  }

  takeUint8(): number {
    return this.window.readUInt8(this.skip(1));
  }
  takeInt8(): number {
    return this.window.readInt8(this.skip(1));
  }
  takeUint16(): number {
    return this.window.readUInt16LE(this.skip(2));
  }
  takeInt16(): number {
    return this.window.readInt16LE(this.skip(2));
  }
  takeUint32(): number {
    return this.window.readUInt32LE(this.skip(4));
  }
  takeInt32(): number {
    return this.window.readInt32LE(this.skip(4));
  }
  takeUint64(): bigint {
    return this.window.readBigUInt64LE(this.skip(8));
  }
  takeInt64(): bigint {
    return this.window.readBigInt64LE(this.skip(8));
  }
  takeFloat32(): number {
    return this.window.readFloatLE(this.skip(4));
  }
  takeFloat64(): number {
    return this.window.readDoubleLE(this.skip(8));
  }
  /** A copy. */
  takeBytes(bytes: number): Uint8Array<ArrayBuffer> {
    const from = this.skip(bytes);
    return Uint8Array.from(this.window.subarray(from, from + bytes));
  }
  /** Malformed UTF-8 becomes U+FFFD. A byte order mark stays, because a token may be one. */
  takeText(bytes: number): string {
    const from = this.skip(bytes);
    return this.window.toString('utf8', from, from + bytes);
  }

  private skip(bytes: number): number {
    const from = this.at;
    this.at += bytes;
    return from;
  }
}
