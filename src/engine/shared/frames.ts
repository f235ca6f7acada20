/**
 * Messages on a stream: the length of the JSON text in bytes, 4 bytes little-endian, then the text in UTF-8. JSON, because the
 * programs on both ends may have different versions of V8. Its numbers are finite, and a member without a value is left out.
 */

/** A document that the memory is told of is the largest message. */
export const MAX_FRAME_BYTES = 64 * 2 ** 20;
/** Before the other end has proved who it is. */
export const MAX_GREETING_BYTES = 1024;

const HEADER_BYTES = 4;

/** @throws {RangeError} if the message is larger than any reader accepts */
export function frameOf(message: unknown): Buffer {
  const text = JSON.stringify(message);
  const length = Buffer.byteLength(text);
  if (length > MAX_FRAME_BYTES) throw new RangeError(`a message of ${length} bytes is too large`);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.writeUInt32LE(length);
  frame.write(text, HEADER_BYTES);
  return frame;
}

function parsed(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch {
    // The original error quotes the message, which may hold the user's text, and errors are logged.
    throw new Error('a message is not JSON');
  }
}

/** Takes a stream apart into messages. */
export class FrameReader {
  /** Received and not read yet, in order. */
  private chunks: Buffer[] = [];
  private size = 0;
  /** Bytes of the message that is being received; undefined while its length is. */
  private expected: number | undefined;

  /** @param maxBytes of a message; may be raised later */
  constructor(public maxBytes: number) {}

  /** More of the stream has arrived. */
  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
  }

  /**
   * The next message; undefined if it has not arrived yet.
   * @throws {Error} if the stream is malformed: nothing that follows makes sense either
   */
  next(): { readonly message: unknown } | undefined {
    this.expected ??= this.take(HEADER_BYTES)?.readUInt32LE();
    if (this.expected === undefined) return undefined;
    if (this.expected > this.maxBytes) throw new RangeError(`a message of ${this.expected} bytes is too large`);
    const text = this.take(this.expected);
    if (!text) return undefined;
    this.expected = undefined;
    return { message: parsed(text) };
  }

  private take(bytes: number): Buffer | undefined {
    if (this.size < bytes) return undefined;
    const [first] = this.chunks;
    // Joined once per message, however many chunks it has.
    const all = first && first.length >= bytes ? first : Buffer.concat(this.chunks);
    if (all !== first) this.chunks = [all];
    this.size -= bytes;
    if (all.length === bytes) this.chunks.shift();
    else this.chunks[0] = all.subarray(bytes);
    return all.subarray(0, bytes);
  }
}
