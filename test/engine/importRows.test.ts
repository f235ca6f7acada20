import assert from 'node:assert/strict';
import { READ_TYPES, bytesOf, type WeightType } from '../../src/models/ggmlTypes';
import type { WeightForm } from '../../src/engine/addon';
import { addon } from './harness';
import BLOCKS from './fixtures/blocks.json';
import { random } from './tinyCheckpoint';

const TYPES = Object.keys(READ_TYPES) as WeightType[];

function floatsOf(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** The bits of floats, with one spelling of NaN: which one it is means nothing. */
function bits(floats: Float32Array): Uint32Array {
  return new Uint32Array(floats.map((value) => (Number.isNaN(value) ? NaN : value)).buffer);
}

interface Converted {
  readonly values: Uint8Array;
  readonly scales: Uint8Array;
  readonly minimums: Uint8Array;
  readonly squaredError: number;
  readonly squaredSum: number;
}

async function convert(
  type: WeightType,
  form: WeightForm,
  rows: number,
  k: number,
  source: Uint8Array,
  headRows = 0,
): Promise<Converted> {
  const groups = form === 'float' ? 0 : (rows * k) / 32;
  const values = new Uint8Array(form === 'float' ? 4 * rows * k : form === '8' ? rows * k : (rows * k) / 2);
  const scales = new Uint8Array(2 * groups);
  const minimums = new Uint8Array(form === '4min' ? 2 * groups : 0);
  const loss = await addon.convertRows({ type, form, rows, k, headRows, source, values, scales, minimums });
  return { values, scales, minimums, ...loss };
}

/** The weights that a form means, in float32. */
function weightsOf(form: WeightForm, { values, scales, minimums }: Converted): Float32Array {
  if (form === 'float') return new Float32Array(values.buffer);
  const scale = addon.dequantise('F16', scales);
  const minimum = addon.dequantise('F16', minimums);
  const q = form === '8' ? new Int8Array(values.buffer) : Array.from(values).flatMap((byte) => [byte & 15, byte >> 4]);
  return Float32Array.from(q, (level, i) => {
    const group = i >> 5;
    const step = scale[group]!;
    return form === '4min'
      ? Math.fround(Math.fround(step * level) + minimum[group]!)
      : step * (form === '8' ? level : level - 8);
  });
}

const plain = (value: number) => value + 0;

/** Numbers with the bell-shaped distribution of weights. */
function weights(count: number, seed = 1): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length: count }, () => 0.05 * (next() + next() + next() + next() - 2));
}

function bytesOfFloats(floats: Float32Array): Uint8Array {
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
}

describe('weights of a file', () => {
  for (const type of TYPES) {
    it(`of the type ${type} have the very bits that the Python package gguf gives`, () => {
      const { blocks, floats } = BLOCKS[type];
      assert.deepEqual(bits(addon.dequantise(type, Buffer.from(blocks, 'base64'))), bits(floatsOf(floats)));
    });
  }

  const exact: [WeightType, WeightForm][] = [
    ['F32', 'float'],
    ['BF16', 'float'],
    ['Q8_0', '8'],
    ['Q5_0', '8'],
    ['Q4_0', '8'],
    ['Q4_0', '4'],
    ['Q4_0', '4min'],
    ['Q4_1', '4min'],
  ];
  for (const [type, form] of exact) {
    it(`of the type ${type} keep their values in the form ${form}`, async () => {
      const source = finiteBlocks(type, 6 * 64);
      const converted = await convert(type, form, 6, 64, source);
      assert.equal(converted.squaredError, 0);
      assert.ok(converted.squaredSum > 0);
      // 0 and -0 are the same weight.
      assert.deepEqual(weightsOf(form, converted).map(plain), addon.dequantise(type, source).map(plain));
    });
  }

  it('of the type Q4_K keep their levels, with scales rounded to float16', async () => {
    const source = finiteBlocks('Q4_K', 4 * 512);
    const converted = await convert('Q4_K', '4min', 4, 512, source);
    const expected = addon.dequantise('Q4_K', source);
    const found = weightsOf('4min', converted);
    const error = Math.sqrt(converted.squaredError / converted.squaredSum);
    assert.ok(error > 0 && error < 2 ** -11, `relative error ${error}`);
    for (const [i, value] of found.entries()) {
      const largest = Math.max(...expected.subarray(i & ~31, (i & ~31) + 32).map(Math.abs));
      assert.ok(Math.abs(value - expected[i]!) <= largest * 2 ** -9, `weight ${i}`);
    }
  });

  const quantised: [WeightForm, number][] = [
    ['8', 0.006],
    ['4min', 0.08],
  ];
  for (const [form, most] of quantised) {
    it(`that are floats are near in the form ${form}, and the loss is that of the result`, async () => {
      const source = weights(16 * 256);
      const converted = await convert('F32', form, 16, 256, bytesOfFloats(source));
      const found = weightsOf(form, converted);
      const error = found.reduce((sum, value, i) => sum + (value - source[i]!) ** 2, 0);
      assert.ok(Math.abs(converted.squaredError / error - 1) < 1e-3);
      const relative = Math.sqrt(converted.squaredError / converted.squaredSum);
      assert.ok(relative < most && relative > most / 3, `relative error ${relative}`);
    });
  }

  it('are quantised to four bits better than by the range of each group', async () => {
    const source = weights(64 * 256, 3);
    const { squaredError } = await convert('F32', '4min', 64, 256, bytesOfFloats(source));
    let byRange = 0;
    for (let g = 0; g < source.length; g += 32) {
      const group = source.subarray(g, g + 32);
      const [low, high] = [Math.min(...group), Math.max(...group)];
      const step = (high - low) / 15;
      for (const x of group) byRange += (low + step * Math.round((x - low) / step) - x) ** 2;
    }
    assert.ok(squaredError < 0.9 * byRange, `${squaredError} of ${byRange}`);
  });

  it('that are all alike, zero, tiny or one outlier are represented', async () => {
    const rows = [
      new Float32Array(32),
      new Float32Array(32).fill(0.3),
      new Float32Array(32).fill(-0.3),
      new Float32Array(32).fill(1e-9),
      Float32Array.from({ length: 32 }, (_, i) => (i === 5 ? 100 : 0)),
      Float32Array.from({ length: 32 }, (_, i) => (i % 2 ? 1e-38 : -1e-38)),
    ];
    const source = Float32Array.from(rows.flatMap((row) => [...row]));
    for (const form of ['8', '4min'] as const) {
      const found = weightsOf(form, await convert('F32', form, rows.length, 32, bytesOfFloats(source)));
      for (const [i, value] of found.entries()) {
        const largest = Math.max(...rows[i >> 5]!.map(Math.abs));
        assert.ok(Math.abs(value - source[i]!) <= 0.002 * largest + 1e-7, `${form}: ${value} for ${source[i]!}`);
      }
    }
  });

  it('lose the order that GGUF gives the rows of a head', async () => {
    // Two heads of six rows: 0 1 2 | 3 4 5 are the halves in the checkpoint's order.
    const source = Float32Array.from({ length: 12 * 32 }, (_, i) => i >> 5);
    const { values } = await convert('F32', 'float', 12, 32, bytesOfFloats(source), 6);
    const order = Array.from({ length: 12 }, (_, row) => new Float32Array(values.buffer)[row * 32]);
    assert.deepEqual(order, [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]);
  });

  it('that are not finite, or too large for a scale, are refused', async () => {
    for (const value of [NaN, Infinity, -Infinity]) {
      const source = weights(64);
      source[40] = value;
      for (const form of ['float', '8', '4min'] as const)
        await assert.rejects(convert('F32', form, 2, 32, bytesOfFloats(source)), /holds a value that is not finite/);
    }
    const huge = weights(64).fill(1e30, 0, 1);
    await assert.rejects(convert('F32', '8', 2, 32, bytesOfFloats(huge)), /too large for a float16 scale/);
  });

  it('are converted only from and into arrays of the right size', () => {
    const empty = new Uint8Array();
    const options = { type: 'F32', form: '8', rows: 2, k: 32, headRows: 0 } as const;
    const arrays = {
      source: new Uint8Array(256),
      values: new Uint8Array(64),
      scales: new Uint8Array(4),
      minimums: empty,
    };
    const attempt = (more: object) => () => addon.convertRows({ ...options, ...arrays, ...more });
    assert.throws(attempt({ source: new Uint8Array(255) }), /source has 255 bytes of 256/);
    assert.throws(attempt({ values: empty }), /values has 0 bytes of 64/);
    assert.throws(attempt({ scales: new Uint8Array(6) }), /scales has 6 bytes of 4/);
    assert.throws(attempt({ type: 'IQ2_XS' }), /IQ2_XS is not a type of weights that is read/);
    assert.throws(attempt({ form: '5' }), /5 is not a form of weights/);
    assert.throws(attempt({ k: 48 }), /k must be a multiple of 32/);
    assert.throws(attempt({ type: 'Q8_0', k: 48 }), /k must be a multiple of the numbers in a block/);
    assert.throws(attempt({ form: '4', values: new Uint8Array(32) }), /only Q4_0 has four bits without a minimum/);
    assert.throws(attempt({ headRows: 3 }), /whole heads of an even number of rows/);
    assert.throws(attempt({ rows: 2 ** 31 - 1, k: 2 ** 31 - 1 }), /1 to 2\^31 numbers/);
    assert.throws(attempt({ rows: 0 }), /are counts/);
    assert.throws(() => addon.dequantise('Q8_0', new Uint8Array(33)), /no whole number of blocks/);
  });
});

/** Blocks of a type with random levels and scales of the size of weights. */
function finiteBlocks(type: WeightType, count: number): Uint8Array {
  const next = random(7);
  const bytes = Uint8Array.from({ length: bytesOf(type, 1, count) }, () => Math.floor(256 * next()));
  const block = { Q8_0: 34, Q4_0: 18, Q4_1: 20, Q5_0: 22, Q4_K: 144 }[type as string];
  if (block === undefined) {
    // Real numbers: their exponents must not be those of NaN.
    const floats = weights(count, 5);
    const raw = new Uint8Array(floats.buffer);
    return type === 'BF16' ? raw.filter((_, i) => i % 4 >= 2) : raw;
  }
  const hasMinimum = type === 'Q4_1' || type === 'Q4_K';
  for (let at = 0; at < bytes.length; at += block) {
    for (const offset of hasMinimum ? [0, 2] : [0]) {
      // 2^-8 to 2^-4, of either sign.
      bytes[at + offset + 1] = 0x1c + Math.floor(16 * next()) + (next() < 0.5 ? 0x80 : 0);
    }
  }
  if (type === 'Q8_0') for (const [i, byte] of bytes.entries()) if (byte === 0x80 && i % 34 > 1) bytes[i] = 0x81;
  return bytes;
}
