import assert from 'node:assert/strict';
import type { NativeEngine } from '../../src/engine/addon';
import { addon, generate, logits, relativeError } from './harness';
import { referenceLogits } from './reference';
import { random, randomTensors, TINY, writeWeights } from './tinyCheckpoint';

const SUBMODELS: Record<string, number[]> = {
  'S, a quarter of the hidden units': [32, 32, 32, 32],
  'L, half of them': [64, 64, 64, 64],
  'XL, all of them': [128, 128, 128, 128],
  'one that skips every second layer': [32, 0, 32, 0],
  "a Mix'n'Match list": [128, 32, 64, 96],
};

describe('the arithmetic of the engine', () => {
  const tensors = randomTensors(TINY);
  const weights = writeWeights(tensors);
  const next = random(5);
  const tokens = Array.from({ length: 90 }, () => Math.floor(next() * TINY.vocabularySize));
  const open = (options: object = {}): NativeEngine =>
    new addon.Engine({ ...weights, config: TINY, threads: 1, ...options });

  for (const [name, widths] of Object.entries(SUBMODELS)) {
    it(`computes the logits of the equations, up to rounding to int8: ${name}`, async () => {
      const engine = open();
      const found = await logits(engine, tokens, widths);
      const expected = referenceLogits(TINY, tensors, widths, tokens);
      // Activations have 8 bits: half a step of 1/127 of the largest, at each of a few matrices in a row.
      for (const [t, row] of expected.entries()) {
        const error = relativeError(found.subarray(t * row.length, (t + 1) * row.length), row);
        assert.ok(error < 0.06, `after token ${t} the relative error is ${error}`);
      }
      assert.ok(relativeError(found, expected.flat()) < 0.03);
      engine.dispose();
    });
  }

  it('computes the same bits with every instruction set and any number of threads', async () => {
    const plain = open({ isa: 'scalar' });
    const expected = new Map<string, Float32Array>();
    for (const [name, widths] of Object.entries(SUBMODELS)) expected.set(name, await logits(plain, tokens, widths));
    plain.dispose();
    for (const isa of addon.supportedIsas) {
      for (const threads of [1, 2, 3]) {
        const engine = open({ isa, threads });
        assert.equal(engine.isa, isa);
        assert.equal(engine.threads, threads);
        for (const [name, widths] of Object.entries(SUBMODELS)) {
          const found = await logits(engine, tokens, widths);
          assert.deepEqual(found, expected.get(name), `${isa}, ${threads} threads, ${name}`);
        }
        engine.dispose();
      }
    }
  });

  it('generates the same completion if the prompt arrives at once or token by token', async () => {
    const widths = SUBMODELS['XL, all of them']!;
    const engine = open();
    const atOnce = await generate(engine, tokens, widths, 20);
    const other = open();
    for (let n = 1; n < tokens.length; n++) await generate(other, tokens.slice(0, n), widths, 1);
    const bitByBit = await generate(other, tokens, widths, 20);
    assert.equal(bitByBit.prefilledTokens, 1);
    assert.deepEqual(bitByBit.tokens, atOnce.tokens);
    assert.deepEqual(bitByBit.probabilities, atOnce.probabilities);
    engine.dispose();
    other.dispose();
  });

  it('reports the softmax of the logits as probabilities', async () => {
    const engine = open();
    const widths = SUBMODELS['XL, all of them']!;
    const { tokens: written, probabilities } = await generate(engine, tokens, widths, 1);
    const last = Array.from((await logits(engine, tokens, widths)).subarray(-TINY.vocabularySize));
    const best = last.indexOf(Math.max(...last));
    assert.equal(written[0], best);
    const total = last.reduce((sum, logit) => sum + Math.exp(logit - last[best]!), 0);
    assert.ok(Math.abs(probabilities[0]! - 1 / total) < 1e-5);
    engine.dispose();
  });
});
