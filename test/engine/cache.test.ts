import assert from 'node:assert/strict';
import type { NativeEngine } from '../../src/engine/addon';
import { addon, generate, type Generated } from './harness';
import { random, randomTensors, TINY, writeWeights } from './tinyCheckpoint';

const S = [32, 32, 32, 32];
const XL = [128, 128, 128, 128];
const XS = [32, 0, 32, 0];

describe('the cache shared by all submodels', () => {
  const weights = writeWeights(randomTensors(TINY));
  const next = random(9);
  const prompt = Array.from({ length: 70 }, () => Math.floor(next() * TINY.vocabularySize));
  let engine: NativeEngine;
  beforeEach(() => (engine = new addon.Engine({ ...weights, config: TINY, threads: 1 })));
  afterEach(() => {
    engine.dispose();
  });

  it('prefills a prompt once, and of a longer one only the new tokens', async () => {
    assert.equal((await generate(engine, prompt, XL, 0)).prefilledTokens, 70);
    const longer = await generate(engine, [...prompt, 1, 2, 3], XL, 0);
    assert.deepEqual([longer.reusedTokens, longer.prefilledTokens], [70, 3]);
  });

  it('prefills nothing again when the submodel changes in the middle of a completion', async () => {
    const begun = await generate(engine, prompt, XL, 8);
    const sofar = [...prompt, ...begun.tokens];
    for (const widths of [S, XL, [64, 32, 128, 96]]) {
      const went = await generate(engine, sofar, widths, 4);
      // The last token always runs, for its logits; nothing before it does.
      assert.deepEqual([went.reusedTokens, went.prefilledTokens], [sofar.length - 1, 1]);
      assert.equal(went.tokens.length, 4);
    }
  });

  it('keeps the tokens before the first difference', async () => {
    await generate(engine, prompt, XL, 5);
    const changed = prompt.with(40, (prompt[40]! + 1) % TINY.vocabularySize);
    assert.equal((await generate(engine, changed, XL, 0)).reusedTokens, 40);
  });

  it('prefills again the positions of a submodel that skips layers, but not the other way round', async () => {
    await generate(engine, prompt, XS, 0);
    assert.equal((await generate(engine, prompt, S, 0)).reusedTokens, 0);
    assert.equal((await generate(engine, prompt, XS, 0)).reusedTokens, 69);
  });

  it('is of each document alone, and is freed when the document is forgotten', async () => {
    for (const cacheKey of [1, 2]) await generate(engine, prompt, XL, 0, { cacheKey });
    for (const cacheKey of [1, 2])
      assert.equal((await generate(engine, prompt, XL, 0, { cacheKey })).reusedTokens, prompt.length - 1);
    const before = engine.kvCacheBytes;
    engine.forget(Int32Array.of(1, 7));
    assert.equal((await generate(engine, prompt, XL, 0, { cacheKey: 2 })).reusedTokens, prompt.length - 1);
    assert.ok(engine.kvCacheBytes < before, `${before} bytes before, ${engine.kvCacheBytes} after`);
    assert.equal((await generate(engine, prompt, XL, 0, { cacheKey: 1 })).reusedTokens, 0);
  });

  it('is dropped of the documents that were not used for longest, as far as its bound requires', async () => {
    const used = async (cacheKey: number) => (await generate(engine, prompt, XL, 0, { cacheKey })).reusedTokens > 0;
    await used(1);
    const cacheBytes = 2.5 * engine.kvCacheBytes;
    engine.dispose();
    engine = new addon.Engine({ ...weights, config: TINY, threads: 1, cacheBytes });
    for (const cacheKey of [1, 2]) assert.ok(!(await used(cacheKey)));
    assert.ok(await used(1));
    assert.ok(!(await used(3)), 'takes the place of 2');
    assert.ok(engine.kvCacheBytes <= cacheBytes);
    for (const [cacheKey, isKept] of [
      [1, true],
      [3, true],
      [2, false],
    ] as const)
      assert.equal(await used(cacheKey), isKept, `${cacheKey}`);
  });

  it('leads to the same output as a new engine after all of that', async () => {
    for (const widths of [XS, S, XL]) await generate(engine, prompt.slice(0, 50), widths, 10);
    await generate(engine, prompt.with(0, 5), XL, 3);
    const fresh = new addon.Engine({ ...weights, config: TINY, threads: 1 });
    const [used, unused] = [await generate(engine, prompt, XL, 20), await generate(fresh, prompt, XL, 20)];
    assert.deepEqual(used.tokens, unused.tokens);
    assert.deepEqual(used.probabilities, unused.probabilities);
    fresh.dispose();
  });

  describe('while a prompt is read ahead, by a request for no tokens', () => {
    const LONG = { ...TINY, contextLength: 8192 };
    const long = Array.from({ length: 8000 }, () => Math.floor(next() * TINY.vocabularySize));
    const chunk = addon.prefillChunkTokens;
    let reader: NativeEngine;
    beforeEach(() => (reader = new addon.Engine({ ...weights, config: LONG, threads: 1, progressIntervalMs: 0 })));
    afterEach(() => {
      reader.dispose();
    });

    /** Reads ahead until `progress` returns true, and then aborts it. */
    function readAhead(tokens: number[], progress: (prefilledTokens: number) => boolean) {
      const heard: number[] = [];
      return new Promise<{ heard: number[]; reason: string; cachedTokens: number | undefined }>((resolve) => {
        const request = { tokens: Int32Array.from(tokens), widths: Int32Array.from(XL), maxTokens: 0 };
        const handle = reader.generate({ ...request, stopTokens: new Int32Array() }, (event) => {
          // It is told of each layer too, with the tokens of the chunks before.
          if (event.type === 'progress' && event.prefilledTokens > (heard.at(-1) ?? 0))
            heard.push(event.prefilledTokens);
          if (event.type === 'progress' && progress(event.prefilledTokens)) handle.abort();
          if (event.type === 'end') resolve({ heard, reason: event.reason, cachedTokens: event.cachedTokens });
        });
      });
    }

    it('is told of each chunk but the last, and then the completion reads only its last token', async () => {
      const some = long.slice(0, 3 * chunk + 5);
      const { heard, reason } = await readAhead(some, () => false);
      assert.deepEqual([heard, reason], [[chunk, 2 * chunk, 3 * chunk], 'length']);
      const { reusedTokens, tokens } = await generate(reader, some, XL, 4);
      assert.equal(reusedTokens, some.length - 1);
      const fresh = new addon.Engine({ ...weights, config: LONG, threads: 1 });
      assert.deepEqual(tokens, (await generate(fresh, some, XL, 4)).tokens);
      fresh.dispose();
    });

    it('keeps the chunks that were read when it is aborted, and reports how much it keeps', async () => {
      let next: Promise<Generated> | undefined;
      const { heard, reason, cachedTokens } = await readAhead(long, (prefilledTokens) => {
        if (prefilledTokens < 2 * chunk) return false;
        // The prompt that is wanted now is a part of it, and waits for what is left of one chunk.
        next ??= generate(reader, long.slice(0, 2 * chunk + 9), XL, 4);
        return true;
      });
      assert.equal(reason, 'aborted');
      assert.ok(heard.at(-1)! < long.length - chunk, `it was aborted after ${heard.at(-1)} tokens`);
      assert.ok(cachedTokens! >= heard.at(-1)! && cachedTokens! % chunk === 0, `${cachedTokens} tokens are cached`);
      const { reusedTokens } = (await next)!;
      assert.equal(reusedTokens, Math.min(cachedTokens!, 2 * chunk + 8));
      // Either two chunks or, if more were read before the abort arrived, all but the last token.
      assert.ok([2 * chunk, 2 * chunk + 8].includes(reusedTokens), `${reusedTokens} tokens were reused`);
    });
  });

  it('ends at the end of the context, with that reason', async () => {
    const { reason, tokens } = await generate(engine, prompt, S, 1000);
    assert.equal(reason, 'context');
    assert.equal(tokens.length, TINY.contextLength - prompt.length + 1);
  });
});
