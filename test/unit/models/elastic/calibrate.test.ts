import assert from 'node:assert/strict';
import { calibrate, sortedByEnergy } from '../../../../src/models/elastic/calibrate';
import { type MatrixBytes, columnSquares, type StoredForm } from '../../../../src/models/elastic/weights';

const bytes = (array: Int8Array | Uint8Array | Uint16Array | Float32Array) =>
  Buffer.from(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
const none = Buffer.alloc(0);
const entry = (dtype: 'I8' | 'U8' | 'F16' | 'F32', shape: number[]) => ({ dtype, shape, begin: 0, end: 0 });
/** 1, 0.5 and -2 as float16. */
const [ONE, HALF, MINUS_TWO] = [0x3c00, 0x3800, 0xc000] as const;

/** Two rows of 64 columns. */
function squares(
  form: StoredForm,
  parts: Partial<MatrixBytes>,
  types: { values: 'I8' | 'U8' | 'F16' | 'F32'; scales?: 'F16' | 'F32' },
): number[] {
  const matrix = {
    ...{ form, rows: 2, columns: 64, values: entry(types.values, [2, 64]), minimums: entry('F16', [2, 2]) },
    scales: entry(types.scales ?? 'F16', [2, form === 'rows' ? 1 : 2]),
  };
  return [...columnSquares(matrix, { values: none, scales: none, minimums: none, ...parts })];
}

describe('the importance of hidden units', () => {
  it('weighs the columns of down in every form that it is stored in', () => {
    const values = bytes(Int8Array.from({ length: 128 }, (_, at) => (at < 64 ? 3 : -1)));
    assert.deepEqual(
      squares('rows', { values, scales: bytes(Float32Array.of(2, 0.5)) }, { values: 'I8', scales: 'F32' }),
      Array(64).fill(36 + 0.25),
    );
    const scales = bytes(Uint16Array.of(ONE, HALF, MINUS_TWO, ONE));
    const left = Array<number>(32);
    assert.deepEqual(squares('8', { values, scales }, { values: 'I8' }), [
      ...left.fill(9 + 4),
      ...Array<number>(32).fill(2.25 + 1),
    ]);
    // The even column is in the low bits: 10 there, 6 in the odd ones.
    const packed = bytes(new Uint8Array(64).fill(0x6a));
    const four = squares('4', { values: packed, scales }, { values: 'U8' });
    assert.deepEqual([four[0], four[1], four[32]], [4 + 16, 4 + 16, 1 + 4]);
    const minimums = bytes(Uint16Array.of(ONE, ONE, ONE, ONE));
    const withMinimum = squares('4min', { values: packed, scales, minimums }, { values: 'U8' });
    assert.deepEqual([withMinimum[0], withMinimum[1], withMinimum[33]], [11 ** 2 + 19 ** 2, 7 ** 2 + 11 ** 2, 4 ** 2 + 7 ** 2]);
    const float = squares('float', { values: bytes(new Float32Array(128).fill(-3)) }, { values: 'F32' });
    assert.deepEqual(float, Array(64).fill(18));
    const half = squares('float', { values: bytes(new Uint16Array(128).fill(HALF)) }, { values: 'F16' });
    assert.deepEqual(half, Array(64).fill(0.5));
  });

  it('puts the most important unit first, and keeps the order of equal ones', () => {
    assert.deepEqual([...sortedByEnergy(Float64Array.of(1, 5, 1, 0, 5))], [1, 4, 0, 2, 3]);
  });

  /** Each character is a token. */
  const checkpoint = {
    config: { model: { contextLength: 100, layers: 1, ffnSize: 64 } },
    tokenizer: { encode: (text: string) => Array.from(text, (char) => char.charCodeAt(0)), tokenBytes: [] },
    prompt: { tokens: {} },
  } as unknown as Parameters<typeof calibrate>[1];

  it('is measured in windows that fit the context', async () => {
    const windows: number[] = [];
    const engine = {
      activations: (tokens: readonly number[]) => {
        windows.push(tokens.length);
        return Promise.reject(new Error('enough'));
      },
    };
    await assert.rejects(calibrate(engine, checkpoint, [{ path: 'a', text: 'a'.repeat(100_000) }]), /enough/);
    assert.deepEqual(windows, [100]);
  });

  it('needs a window', async () => {
    const engine = { activations: () => Promise.reject(new Error('unreachable')) };
    await assert.rejects(calibrate(engine, checkpoint, []), /too few tokens/);
  });
});
