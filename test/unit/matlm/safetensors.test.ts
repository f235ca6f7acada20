import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTensorEntries } from '../../../src/matlm/safetensors';
import { MODEL } from '../model';
import { temporaryFolder } from '../../temporary';

function file(header: string | object, dataBytes = 64, claimed?: bigint): string {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimed ?? BigInt(text.length));
  const path = join(temporaryFolder(), 'model.safetensors');
  writeFileSync(path, Buffer.concat([length, text, Buffer.alloc(dataBytes)]));
  return path;
}

const tensor = (begin: number, end: number, more: object = {}) => ({
  dtype: 'I8',
  shape: [end - begin],
  data_offsets: [begin, end],
  ...more,
});

describe('the header of a weights file', () => {
  it('gives the location of each tensor from the start of the file', async () => {
    const header = {
      __metadata__: { format: 'pt' },
      a: tensor(0, 16),
      b: tensor(16, 64, { dtype: 'F32', shape: [3, 4] }),
    };
    const entries = await readTensorEntries(file(header));
    const start = 8 + JSON.stringify(header).length;
    assert.deepEqual(Object.fromEntries(Object.entries(entries)), {
      a: { dtype: 'I8', shape: [16], begin: start, end: start + 16 },
      b: { dtype: 'F32', shape: [3, 4], begin: start + 16, end: start + 64 },
    });
  });

  it('may have a tensor that is named like a property of every object', async () => {
    const header =
      '{"__proto__":{"dtype":"I8","shape":[16],"data_offsets":[0,16]},"constructor":{"dtype":"I8","shape":[48],"data_offsets":[16,64]}}';
    const entries = await readTensorEntries(file(header));
    assert.deepEqual(Object.keys(entries), ['__proto__', 'constructor']);
    assert.deepEqual(Object.getOwnPropertyDescriptor(entries, '__proto__')?.value, {
      dtype: 'I8',
      shape: [16],
      begin: 8 + header.length,
      end: 24 + header.length,
    });
    const overlapping = header.replace('[16,64]', '[8,56]');
    await assert.rejects(readTensorEntries(file(overlapping)), /the tensors __proto__ and constructor overlap/);
  });

  it('is that of the small checkpoint', async () => {
    const entries = await readTensorEntries(join(MODEL, 'model.safetensors'));
    assert.deepEqual(entries['model.layers.5.mlp.down_proj.weight']?.shape, [256, 1024]);
  });

  const cases: [string, () => string, RegExp][] = [
    ['a file of three bytes', () => file('', 0).replace('model.safetensors', 'none'), /it does not exist/],
    [
      'a header longer than the file',
      () => file({}, 0, 500n),
      /claims 500 bytes, but the file has 10: it is truncated/,
    ],
    ['a header of absurd length', () => file({}, 0, 2n ** 63n), /claims 9223372036854775808 bytes/],
    ['a header that takes seconds to parse', () => file(' '.repeat(4_000_001), 0), /its header has more than 4 MB/],
    [
      'a type that every object has',
      () => file({ a: tensor(0, 8, { dtype: 'constructor' }) }),
      /is of type constructor/,
    ],
    ['a header that is not JSON', () => file('not json'), /it is not JSON/],
    ['a header that is an array', () => file('[]'), /it is not a JSON object/],
    ['a tensor without a description', () => file({ a: 7 }), /the tensor a has no description/],
    [
      'a type that is not read',
      () => file({ a: tensor(0, 8, { dtype: 'BF16', shape: [4] }) }),
      /the tensor a is of type BF16/,
    ],
    ['a negative offset', () => file({ a: tensor(-8, 8) }), /the tensor a has no proper offsets/],
    ['a fractional shape', () => file({ a: tensor(0, 8, { shape: [0.5] }) }), /the tensor a has no proper shape/],
    [
      'bytes that do not fit the shape',
      () => file({ a: tensor(0, 8, { shape: [9] }) }),
      /takes 8 bytes, but its shape needs 9/,
    ],
    [
      'a tensor past the end',
      () => file({ a: tensor(0, 100) }),
      /the tensor a ends 36 bytes after the end of the file/,
    ],
    ['tensors that overlap', () => file({ a: tensor(0, 16), b: tensor(8, 24) }), /the tensors a and b overlap/],
  ];
  for (const [name, make, message] of cases) {
    it(`is refused with the fault named: ${name}`, async () => {
      const path = make();
      await assert.rejects(readTensorEntries(path), message);
      await assert.rejects(readTensorEntries(path), ({ message }: Error) => message.startsWith(`${path}: `));
    });
  }

  it('is refused if the file is shorter than the length field', async () => {
    const path = join(temporaryFolder(), 'model.safetensors');
    writeFileSync(path, 'abc');
    await assert.rejects(readTensorEntries(path), /shorter than the 8 bytes/);
  });
});
