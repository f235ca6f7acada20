import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readGguf } from '../../../src/models/gguf';
import { f32, ggufBytes, numbers, text, texts, u32, type Value, type Written } from '../../gguf';
import { temporaryFolder } from '../../temporary';

function file(written: Written | Buffer): string {
  const path = join(temporaryFolder(), 'model.gguf');
  writeFileSync(path, Buffer.isBuffer(written) ? written : ggufBytes(written));
  return path;
}

const F32 = 0;
const Q4_0 = 2;
const Q8_0 = 8;

const SMALL: Written = {
  metadata: [
    ['general.architecture', text('llama')],
    ['a.number', u32(7)],
    ['a.real', f32(0.25)],
    ['a.flag', { type: 'bool', value: 1 }],
    ['a.size', { type: 'u64', value: 1n << 40n }],
    ['a.huge', { type: 'u64', value: (1n << 63n) + 1n }],
    ['tokenizer.ggml.tokens', texts(['a', '\u{FEFF}', 'é', ''])],
    ['tokenizer.ggml.token_type', numbers([1, -2, 3])],
    ['nested', { type: 'array', of: 'array', value: [numbers([1]), numbers([])] }],
    ['last', text('end')],
  ],
  tensors: [
    { name: 'norm', sizes: [8], type: F32, data: new Uint8Array(32) },
    { name: 'matrix', sizes: [64, 3], type: Q8_0, data: new Uint8Array(3 * 2 * 34) },
  ],
};

describe('the header of a GGUF file', () => {
  it('gives metadata of every type, and the location of each tensor with its rows first', async () => {
    const bytes = ggufBytes(SMALL);
    const { metadata, tensors, fileBytes } = await readGguf(file(bytes));
    assert.equal(fileBytes, bytes.length);
    assert.deepEqual(Object.fromEntries(metadata), {
      'general.architecture': 'llama',
      'a.number': 7,
      'a.real': 0.25,
      'a.flag': true,
      'a.size': 2 ** 40,
      'a.huge': (1n << 63n) + 1n,
      'tokenizer.ggml.tokens': ['a', '\u{FEFF}', 'é', ''],
      'tokenizer.ggml.token_type': Int32Array.of(1, -2, 3),
      last: 'end',
    });
    const start = bytes.length - 32 - 224;
    assert.deepEqual([...tensors].map(([name, { type, ...place }]) => [name, type.name, place]), [
      ['norm', 'F32', { shape: [8], begin: start, end: start + 32 }],
      ['matrix', 'Q8_0', { shape: [3, 64], begin: start + 32, end: start + 32 + 204 }],
    ]);
  });

  it('may have keys that are named like properties of every object', async () => {
    const { metadata } = await readGguf(file({ metadata: [['__proto__', u32(1)], ['constructor', u32(2)]] }));
    assert.deepEqual([...metadata], [['__proto__', 1], ['constructor', 2]]);
  });

  it('is read over the borders of the chunks in which it is read', async () => {
    const tokens = Array.from({ length: 60_000 }, (_, i) => `token ${i} ${'x'.repeat(i % 50)}`);
    const { metadata } = await readGguf(file({ metadata: [['tokens', texts(tokens)], ['last', u32(3)]] }));
    assert.deepEqual(metadata.get('tokens'), tokens);
    assert.equal(metadata.get('last'), 3);
  });

  it('is refused wherever it is cut, and never taken for a whole one', async () => {
    const bytes = ggufBytes(SMALL);
    const path = file(bytes);
    for (let length = 0; length < bytes.length - 20; length++) {
      writeFileSync(path, bytes.subarray(0, length));
      await assert.rejects(readGguf(path), ({ message }: Error) => message.startsWith(`${path}: `), `of ${length} bytes`);
    }
  });

  it('is read or refused, and nothing else, whatever byte of it changes', async () => {
    const bytes = ggufBytes(SMALL);
    const path = file(bytes);
    for (let at = 0; at < bytes.length - 256; at++) {
      for (const value of [0, 0x7f, 0x80, 0xff]) {
        const changed = Buffer.from(bytes);
        changed[at] = value;
        writeFileSync(path, changed);
        await readGguf(path).catch((error: unknown) => {
          assert.equal((error as Error).name, 'CheckpointError', `byte ${at} is ${value}: ${String(error)}`);
        });
      }
    }
  });

  const one = (value: Value): Written => ({ metadata: [['key', value]] });
  const tensor = (more: object): Written => ({
    tensors: [{ name: 'a', sizes: [32], type: F32, data: new Uint8Array(128), ...more }],
  });
  const deep = (levels: number): Value =>
    levels === 0 ? numbers([1]) : { type: 'array', of: 'array', value: [deep(levels - 1)] };
  const cases: [string, Written | Buffer, RegExp][] = [
    ['an empty file', Buffer.alloc(0), /it ends inside the first bytes: it has 0 bytes, so it is truncated/],
    ['another magic number', { magic: 'GGML' }, /it does not begin with GGUF/],
    ['numbers of the other byte order', { version: 0x03000000 }, /its numbers are big-endian/],
    ['version 1', { version: 1 }, /GGUF of version 1; 2 and 3 are read/],
    ['2^63 tensors', { tensorCount: 1n << 63n }, /claims 9223372036854775808 tensors, more than 100000/],
    ['2^63 keys', { entryCount: 1n << 63n }, /claims 9223372036854775808 entries of metadata/],
    ['more keys than bytes', { entryCount: 99_999n }, /it ends inside the key 1 of 99999/],
    ['a string of a gigabyte', one({ type: 'string', value: 'abc', claimed: 1n << 30n }), /the value of key claims a string of 1073741824 bytes/],
    ['a string of 2^64 - 1 bytes', one({ type: 'string', value: 'abc', claimed: (1n << 64n) - 1n }), /claims a string of 18446744073709551615/],
    ['an array of 2^63 numbers', one({ type: 'array', of: 'f32', value: [], claimed: 1n << 63n }), /the value of key claims 9223372036854775808 elements/],
    ['an array of 2^62 strings', one({ type: 'array', of: 'string', value: [], claimed: 1n << 62n }), /claims 4611686018427387904 elements/],
    ['an array of 2^61 arrays', one({ type: 'array', of: 'array', value: [], claimed: 1n << 61n }), /claims 2305843009213693952 elements/],
    ['arrays in arrays in arrays', one(deep(9)), /the value of key has arrays in arrays, 5 deep/],
    ['an unknown type', one({ type: 'unknown', id: 77 }), /the value of key is of the unknown type 77/],
    ['an array of an unknown type', one({ type: 'array', of: 'unknown', value: [] }), /is of the unknown type 99/],
    ['a key twice', { metadata: [['key', u32(1)], ['key', u32(2)]] }, /it has the key key twice/],
    ['a tensor twice', { tensors: [tensor({}).tensors![0]!, tensor({}).tensors![0]!] }, /it has the tensor a twice/],
    ['an unknown type of weights', tensor({ type: 5 }), /the tensor a is of the unknown type 5/],
    ['no dimension', tensor({ sizes: [] }), /the tensor a has 0 dimensions/],
    ['five dimensions', tensor({ sizes: [1, 1, 1, 1, 1] }), /the tensor a has 5 dimensions/],
    ['a dimension of 0', tensor({ sizes: [32, 0] }), /the tensor a has a dimension of 0/],
    ['dimensions whose product is more than 64 bits', tensor({ sizes: [1n << 32n, 1n << 32n, 4] }), /the tensor a would take \d+ bytes, more than any file/],
    ['a dimension of 2^63', tensor({ sizes: [1n << 63n] }), /the tensor a would take/],
    ['columns that are no whole blocks', tensor({ sizes: [48], type: Q4_0 }), /has 48 columns, no multiple of the 32 in a block of Q4_0/],
    ['a tensor past the end', tensor({ sizes: [32, 9] }), /the tensor a ends 1024 bytes after the end of the file, which is truncated/],
    ['an offset past the end', tensor({ offset: 1n << 63n }), /the tensor a begins after the end of the file/],
    ['an offset that is not aligned', tensor({ offset: 4 }), /begins at 4, which is no multiple of the alignment 32/],
    ['an alignment of 0', { metadata: [['general.alignment', u32(0)]] }, /general.alignment is 0/],
    ['an alignment that is no power of two', { metadata: [['general.alignment', u32(48)]] }, /general.alignment is 48/],
    ['an alignment that is a text', { metadata: [['general.alignment', text('32')]] }, /general.alignment is 32/],
    [
      'tensors that overlap',
      {
        tensors: [
          { name: 'a', sizes: [16], type: F32, data: new Uint8Array(64) },
          { name: 'b', sizes: [16], type: F32, offset: 32, data: new Uint8Array(64) },
        ],
      },
      /the tensors a and b overlap/,
    ],
    ['a name that would break a line of the log', tensor({ name: 'a\n\u001b[2J', sizes: [0] }), /the tensor a\u{FFFD}\u{FFFD}\[2J has a dimension of 0/u],
  ];
  for (const [name, written, message] of cases) {
    it(`is refused with the fault named: ${name}`, async () => {
      const path = file(written);
      await assert.rejects(readGguf(path), message);
      await assert.rejects(readGguf(path), ({ message }: Error) => message.startsWith(`${path}: `));
    });
  }

  it('needs no memory for what a file only claims', async () => {
    const before = process.memoryUsage();
    const claims = [1n << 20n, 1n << 30n, 1n << 40n].flatMap((claimed): Value[] => [
      { type: 'string', value: '', claimed },
      { type: 'array', of: 'u8', value: [], claimed },
      { type: 'array', of: 'string', value: [], claimed },
    ]);
    for (const claim of claims) await assert.rejects(readGguf(file(one(claim))));
    const after = process.memoryUsage();
    assert.ok(after.arrayBuffers - before.arrayBuffers < 16e6, `${after.arrayBuffers - before.arrayBuffers} bytes`);
  });

  it('is not looked for in a folder or in a file that is none', async () => {
    await assert.rejects(readGguf(temporaryFolder()), /it is a folder/);
    await assert.rejects(readGguf(join(temporaryFolder(), 'none.gguf')), /it does not exist/);
  });
});
