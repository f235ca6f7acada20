import assert from 'node:assert/strict';
import type { NativeEngine } from '../../src/engine/addon';
import { addon, generate, logits } from './harness';
import { longestMatch } from './reference';
import { random, randomTensors, TINY, writeWeights } from './tinyCheckpoint';

const WEIGHTS = [0.05, 0.2, 0.4, 0.6, 0.8];
const SHAPES = [
  [32, 32, 32, 32],
  [128, 64, 32, 96],
  [128, 128, 128, 128],
];

/** The likeliest token of the mixture, and its probability. */
function choose(row: readonly number[], tokens: readonly number[], weights: readonly number[]) {
  const top = Math.max(...row);
  const exps = row.map((v) => Math.exp(v - top));
  const sum = exps.reduce((a, b) => a + b);
  const found = longestMatch(tokens);
  const weight = found ? weights[Math.min(found.length, weights.length) - 1]! : 0;
  const chances = exps.map((e, i) => ((1 - weight) * e) / sum + (i === found?.token ? weight : 0));
  const probability = Math.max(...chances);
  return { token: chances.indexOf(probability), probability };
}

describe('copying from the context', () => {
  const weights = writeWeights(randomTensors(TINY));
  let engine: NativeEngine;
  before(() => (engine = new addon.Engine({ ...weights, config: TINY, threads: 1 })));
  after(() => {
    engine.dispose();
  });

  /** Few different tokens, so that matches of all lengths occur. */
  const prompts = Array.from({ length: 6 }, (_, seed) => {
    const next = random(40 + seed);
    return Array.from({ length: 30 + seed }, () => Math.floor(next() * (2 + 2 * seed)));
  });

  it('chooses the likeliest token of the mixture, with its probability', async () => {
    let copied = 0;
    for (const prompt of prompts) {
      for (const widths of SHAPES) {
        await logits(engine, prompt, widths); // forgets what another submodel wrote of the prompt
        const found = await generate(engine, prompt, widths, 12, { copyWeights: WEIGHTS });
        const sofar = [...prompt];
        for (const [i, token] of found.tokens.entries()) {
          const all = await logits(engine, sofar, widths);
          const row = Array.from(all.subarray(-TINY.vocabularySize));
          const expected = choose(row, sofar, WEIGHTS);
          assert.equal(token, expected.token);
          assert.ok(Math.abs(found.probabilities[i]! - expected.probability) < 1e-5);
          if (token !== row.indexOf(Math.max(...row))) copied++;
          sofar.push(token);
        }
      }
    }
    assert.ok(copied > 20, `copying decided ${copied} times only`);
  });

  it('changes nothing if its weight is zero', async () => {
    const [prompt, widths] = [prompts[1]!, SHAPES[2]!];
    const alone = await generate(engine, prompt, widths, 12);
    for (const copyWeights of [[], [0, 0]]) {
      const { tokens, probabilities } = await generate(engine, prompt, widths, 12, { copyWeights });
      assert.deepEqual([tokens, probabilities], [alone.tokens, alone.probabilities]);
    }
  });

  it('ignores special tokens: the first token after the FIM middle token may be a copy', async () => {
    const tokenBytes = Array.from({ length: TINY.vocabularySize }, (_, token) => Buffer.from(token < 6 ? '' : 'a'));
    const spelling = new addon.Engine({ ...weights, config: TINY, threads: 1, tokenBytes });
    const first = async (prompt: readonly number[]) =>
      (await generate(spelling, prompt, SHAPES[2]!, 1, { copyWeights: [0, 0, 0, 0.99] })).tokens[0];
    assert.equal(await first([7, 8, 9, 10, 41, 7, 8, 9, 10, 2]), 41);
    assert.equal(await first([7, 8, 2, 9, 10, 42, 7, 8, 9, 10]), 42);
    spelling.dispose();
  });

  it('never copies a banned first token', async () => {
    const prompt = [7, 8, 9, 10, 11, 7, 8, 9, 10];
    const free = await generate(engine, prompt, SHAPES[2]!, 1, { copyWeights: [0.99] });
    assert.deepEqual(free.tokens, [11]);
    const barred = await generate(engine, prompt, SHAPES[2]!, 1, { copyWeights: [0.99], bannedFirstTokens: [11] });
    assert.notEqual(barred.tokens[0], 11);
  });

  it('refuses invalid weights', async () => {
    const attempt = (copyWeights: readonly number[]) => generate(engine, [1], SHAPES[0]!, 1, { copyWeights });
    await assert.rejects(attempt([1]), /a copy weight is not at least 0 and below 1/);
    await assert.rejects(attempt([Number.NaN]), /a copy weight is not/);
    const many = Array<number>(17).fill(0.1);
    await assert.rejects(attempt(many), /there are 17 copy weights; a match has at most 16 tokens/);
  });
});
