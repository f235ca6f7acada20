import assert from 'node:assert/strict';
import { readRope } from '../../../src/matlm/rope';

const rope = (json: object, headDim = 64) => readRope('x/config.json', { rope_theta: 10_000, ...json }, headDim);
const plain = Array.from({ length: 32 }, (_, i) => 10_000 ** (-i / 32));

function assertClose(found: readonly number[], expected: readonly number[]): void {
  assert.equal(found.length, expected.length);
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs((found[i] ?? NaN) / value - 1) < 1e-6, `pair ${i}: ${String(found[i])}, not ${value}`);
}

describe('the rotations of positions', () => {
  it('are plain without scaling, or if it says default', () => {
    for (const json of [{}, { rope_scaling: null }, { rope_scaling: { rope_type: 'default' } }]) {
      assertClose(rope(json).frequencies, plain);
      assert.equal(rope(json).magnitude, 1);
    }
  });

  it('have the base of the first Llama if none is stated', () => {
    for (const base of [undefined, null]) assertClose(rope({ rope_theta: base }).frequencies, plain);
  });

  it('are read from rope_parameters, which holds the base too', () => {
    const json = { rope_theta: undefined, rope_parameters: { rope_type: 'linear', factor: 4, rope_theta: 10_000 } };
    assertClose(
      rope(json).frequencies,
      plain.map((frequency) => frequency / 4),
    );
  });

  it('of the kind llama3 keep short waves, stretch long ones and mix those between', () => {
    const scaling = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
    const { frequencies } = rope({ rope_theta: 500_000, rope_scaling: { rope_type: 'llama3', ...scaling } }, 128);
    const base = Array.from({ length: 64 }, (_, i) => 500_000 ** (-i / 64));
    assertClose(frequencies.slice(0, 28), base.slice(0, 28));
    assertClose(
      frequencies.slice(35),
      base.slice(35).map((frequency) => frequency / 8),
    );
    for (const i of [29, 30, 31, 32, 33, 34]) {
      assert.ok((frequencies[i] ?? 0) < (base[i] ?? 0));
      assert.ok((frequencies[i] ?? 0) > (base[i] ?? 0) / 8);
    }
  });

  it('of the kind yarn are mixed along a ramp, and the rotation is scaled', () => {
    const scaling = { factor: 4, original_max_position_embeddings: 32_768 };
    const { frequencies, magnitude } = rope(
      { rope_theta: 1e6, rope_scaling: { type: 'yarn', ...scaling }, max_position_embeddings: 131_072 },
      128,
    );
    const base = Array.from({ length: 64 }, (_, i) => 1e6 ** (-i / 64));
    // The ramp goes from pair 23 (32 turns in the original context) to pair 40 (one turn).
    assertClose(frequencies.slice(0, 24), base.slice(0, 24));
    assertClose(
      frequencies.slice(40),
      base.slice(40).map((frequency) => frequency / 4),
    );
    const share = 1 / 17;
    assertClose([frequencies[24] ?? 0], [((base[24] ?? 0) * share) / 4 + (base[24] ?? 0) * (1 - share)]);
    assert.equal(magnitude, 0.1 * Math.log(4) + 1);
  });

  it('of another kind, or with an odd number, are refused by name', () => {
    const scaling = (value: unknown) => () => rope({ rope_scaling: value });
    assert.throws(scaling({ type: 'longrope' }), /x\/config\.json: rope_scaling is of the kind "longrope"/);
    assert.throws(scaling({ type: 'linear', factor: 0 }), /rope_scaling\.factor must be a positive number/);
    assert.throws(scaling('linear'), /rope_scaling is "linear", not an object/);
    assert.throws(() => rope({ partial_rotary_factor: 0.5 }), /partial_rotary_factor is not 1/);
  });
});
