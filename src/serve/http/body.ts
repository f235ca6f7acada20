import type { IncomingMessage } from 'node:http';
import { Refused } from './fields';

/** Far more than 256 lines before the cursor, 64 after it, and sixteen pieces of other files. */
export const MAX_BODY_BYTES = 4_000_000;

/** The client has closed the connection, and waits for nothing. */
export class BrokenOff extends Error {
  override readonly name = 'BrokenOff';
}

/**
 * The body of a request as text.
 * @throws {BrokenOff}
 * @throws {Refused} if it is too large, which is known before all of it has come, or not UTF-8
 */
export async function readBody(request: IncomingMessage): Promise<string> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const bytes = await bytesOf(request);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Refused(400, 'the body is not UTF-8');
  }
}

/**
 * By events, because leaving an iteration early would close the connection before the refusal is sent; in one growing buffer, because
 * a client may send a byte at a time.
 */
function bytesOf(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let body = Buffer.alloc(0);
    let bytes = 0;
    request.on('data', (part: Buffer) => {
      const before = bytes;
      bytes += part.length;
      if (bytes > MAX_BODY_BYTES) {
        body = Buffer.alloc(0);
        request.pause();
        reject(tooLarge());
        return;
      }
      if (bytes > body.length) {
        const larger = Buffer.allocUnsafe(Math.max(bytes, 2 * body.length));
        body.copy(larger, 0, 0, before);
        body = larger;
      }
      part.copy(body, before);
    });
    request.once('end', () => {
      resolve(body.subarray(0, bytes));
    });
    request.once('close', () => {
      reject(new BrokenOff());
    });
  });
}

function tooLarge(): Refused {
  return new Refused(413, `the body is larger than ${MAX_BODY_BYTES} bytes`);
}
