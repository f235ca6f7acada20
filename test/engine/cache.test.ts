import assert from 'node:assert/strict';
import type { NativeEngine } from '../../src/engine/addon';
import { addon, generate } from './harness';
import { random, randomTensors, TINY, writeWeights } from './tinyCheckpoint';

const S = [32, 32, 32, 32];
const XL = [128, 128, 128, 128];
const XS = [32, 0, 32, 0];

describe('the cache that all submodels share', () => {
  const weights = writeWeights(randomTensors(TINY));
  const next = random(9);
  const prompt = Array.from({ length: 70 }, () => Math.floor(next() * TINY.vocabularySize));
  let engine: NativeEngine;
  beforeEach(() => (engine = new addon.Engine({ ...weights, config: TINY, threads: 1 })));
  afterEach(() => {
    engine.dispose();
  });

  it('reads a prompt once, and of a longer one only what is new', async () => {
    assert.equal((await generate(engine, prompt, XL, 0)).prefilledTokens, 70);
    const longer = await generate(engine, [...prompt, 1, 2, 3], XL, 0);
    assert.deepEqual([longer.reusedTokens, longer.prefilledTokens], [70, 3]);
  });

  it('reads nothing again when the submodel changes in the middle of a completion', async () => {
    const begun = await generate(engine, prompt, XL, 8);
    const sofar = [...prompt, ...begun.tokens];
    for (const widths of [S, XL, [64, 32, 128, 96]]) {
      const went = await generate(engine, sofar, widths, 4);
      // The last token always runs, for its logits; nothing before it does.
      assert.deepEqual([went.reusedTokens, went.prefilledTokens], [sofar.length - 1, 1]);
      assert.equal(went.tokens.length, 4);
    }
  });

  it('keeps what was read up to the first difference', async () => {
    await generate(engine, prompt, XL, 5);
    const changed = prompt.with(40, (prompt[40]! + 1) % TINY.vocabularySize);
    assert.equal((await generate(engine, changed, XL, 0)).reusedTokens, 40);
  });

  it('reads again what a submodel that skips layers wrote, and not the other way round', async () => {
    await generate(engine, prompt, XS, 0);
    assert.equal((await generate(engine, prompt, S, 0)).reusedTokens, 0);
    assert.equal((await generate(engine, prompt, XS, 0)).reusedTokens, 69);
  });

  it('gives what a fresh engine gives after all of that', async () => {
    for (const widths of [XS, S, XL]) await generate(engine, prompt.slice(0, 50), widths, 10);
    await generate(engine, prompt.with(0, 5), XL, 3);
    const fresh = new addon.Engine({ ...weights, config: TINY, threads: 1 });
    const [used, unused] = [await generate(engine, prompt, XL, 20), await generate(fresh, prompt, XL, 20)];
    assert.deepEqual(used.tokens, unused.tokens);
    assert.deepEqual(used.probabilities, unused.probabilities);
    fresh.dispose();
  });

  it('ends with the context, and says so', async () => {
    const { reason, tokens } = await generate(engine, prompt, S, 1000);
    assert.equal(reason, 'context');
    assert.equal(tokens.length, TINY.contextLength - prompt.length + 1);
  });
});
