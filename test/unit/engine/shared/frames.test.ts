import assert from 'node:assert/strict';
import { frameOf, FrameReader, MAX_FRAME_BYTES } from '../../../../src/engine/shared/frames';
import { randomOf } from './random';

describe('frames on a stream', () => {
  const MESSAGES = [
    { type: 'abort', id: 1 },
    'naïve \u{1f600} \ud800 text',
    [],
    null,
    { prompt: Array.from({ length: 3000 }, (_, i) => i) },
    '',
  ];

  function read(stream: Buffer, cutsAt: (at: number) => number): unknown[] {
    const reader = new FrameReader(MAX_FRAME_BYTES);
    const heard: unknown[] = [];
    for (let at = 0; at < stream.length;) {
      const end = Math.min(stream.length, at + cutsAt(at));
      reader.push(stream.subarray(at, end));
      at = end;
      for (let next = reader.next(); next; next = reader.next()) heard.push(next.message);
    }
    assert.equal(reader.next(), undefined);
    return heard;
  }

  it('arrive as they were sent, however the stream is cut', () => {
    const stream = Buffer.concat(MESSAGES.map(frameOf));
    const random = randomOf(1);
    for (const cut of [() => 1, () => 3, () => stream.length, () => 1 + Math.floor(random() * 700)])
      assert.deepEqual(read(stream, cut), MESSAGES);
  });

  it('that are longer than allowed end the stream before they are received', () => {
    const reader = new FrameReader(100);
    reader.push(frameOf('a'.repeat(98)));
    assert.deepEqual(reader.next(), { message: 'a'.repeat(98) });
    const header = Buffer.alloc(4);
    header.writeUInt32LE(101);
    reader.push(header);
    assert.throws(() => reader.next(), /a message of 101 bytes is too large/);
  });

  it('that no reader would accept are not sent', () => {
    assert.throws(() => frameOf('a'.repeat(MAX_FRAME_BYTES)), /too large/);
  });

  it('that are no JSON end the stream', () => {
    for (const body of ['', '{', '{"a":1}x', '\u0000']) {
      const reader = new FrameReader(100);
      const frame = Buffer.from(`    ${body}`);
      frame.writeUInt32LE(frame.length - 4);
      reader.push(frame);
      assert.throws(() => reader.next(), { message: 'a message is not JSON' });
    }
  });

  it('of arbitrary bytes give messages or an error, and nothing else', () => {
    const random = randomOf(7);
    const valid = Buffer.concat(MESSAGES.map(frameOf));
    let [errors, messages] = [0, 0];
    for (let round = 0; round < 2000; round++) {
      const bytes = Buffer.from(valid.subarray(0, 1 + Math.floor(random() * 200)));
      for (let change = 0; change < 4; change++)
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const reader = new FrameReader(1 << 16);
      reader.push(bytes);
      try {
        while (reader.next()) messages++;
      } catch (error) {
        assert.match(String(error), /^Error: a message is not JSON$|^RangeError: /);
        errors++;
      }
    }
    assert.ok(errors > 100 && messages > 100, `${errors} errors, ${messages} messages`);
  });
});
