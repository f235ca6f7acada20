import assert from 'node:assert/strict';
import { type NativeEngine, type NativeMemory, type NativeRequest, SCORE_COLUMNS } from '../../src/engine/addon';
import { bitsWith } from '../../src/models/fitGate';
import { addon, generate, logits } from './harness';
import { componentsOf, mixture } from './reference';
import { flat, random, randomGate, randomTensors, TINY, writeWeights } from './tinyCheckpoint';

const WIDTHS = [128, 64, 32, 96];
/** Tokens below are special. */
const FIRST = 6;

describe('the scores of a given text', () => {
  const weights = writeWeights(randomTensors(TINY));
  const tokenBytes = Array.from({ length: TINY.vocabularySize }, (_, token) =>
    Buffer.from(token < FIRST ? '' : String.fromCharCode(0x30 + token)),
  );
  const gate = randomGate(5);
  let memory: NativeMemory;
  let engine: NativeEngine;
  beforeEach(() => {
    memory = new addon.Memory({ tokenBytes, gate: flat(gate) });
    engine = new addon.Engine({ ...weights, config: TINY, threads: 1, tokenBytes, memory });
  });
  afterEach(() => {
    engine.dispose();
  });

  const text = (length: number, kinds: number, seed: number) => {
    const next = random(seed);
    return Array.from({ length }, () => FIRST + Math.floor(next() * kinds));
  };
  const requestOf = (tokens: readonly number[], scoredFrom: number, options: Partial<NativeRequest> = {}) => ({
    tokens: Int32Array.from(tokens),
    widths: Int32Array.from(WIDTHS),
    maxTokens: 0,
    stopTokens: new Int32Array(),
    scoredFrom,
    ...options,
  });
  const score = (...args: Parameters<typeof requestOf>): Promise<Float32Array> =>
    new Promise((resolve, reject) => {
      let found: Float32Array | undefined;
      const handle = engine.generate(requestOf(...args), (event) => {
        if (event.type === 'scores') found = event.scores;
        if (event.type === 'end') {
          if (found) resolve(found);
          else reject(new Error(event.message ?? event.reason));
        }
      });
      assert.ok(handle);
    });
  /** [tokens - first] by all logits. */
  async function expected(tokens: readonly number[], first: number): Promise<number[]> {
    const all = await logits(engine, tokens, WIDTHS);
    return tokens.slice(first).map((token, i) => {
      const begin = (first + i - 1) * TINY.vocabularySize;
      const row = Array.from(all.subarray(begin, begin + TINY.vocabularySize));
      const top = Math.max(...row);
      return row[token]! - top - Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
    });
  }
  const near = (found: ArrayLike<number>, wanted: ArrayLike<number>) => {
    assert.equal(found.length, wanted.length);
    for (let i = 0; i < wanted.length; i++)
      assert.ok(Math.abs(found[i]! - wanted[i]!) < 1e-4, `${found[i]} for ${wanted[i]} at ${i}`);
  };

  it('are the log probabilities of its tokens, whatever the cache holds', async () => {
    for (const length of [2, 10, 63, 64, 65, 66, 130, 150]) {
      const tokens = text(length, 80, length);
      for (const first of [1, Math.ceil(length / 2), length - 1]) {
        const wanted = await expected(tokens, first);
        near(await score(tokens, first), wanted);
        near(await score(tokens, first), wanted); // the cache has all but the last
        await generate(engine, tokens.slice(0, Math.ceil(length / 3)), WIDTHS, 4);
        near(await score(tokens, first), wanted);
      }
    }
  });

  it('leave a cache that the next request can use', async () => {
    const tokens = text(100, 80, 1);
    const alone = await generate(engine, tokens, WIDTHS, 8);
    await score(tokens, 50);
    const after = await generate(engine, tokens, WIDTHS, 8);
    assert.deepEqual(after.tokens, alone.tokens);
    assert.equal(after.reusedTokens, 99);
  });

  it('say what the memory says, so that a gate can be fitted', async () => {
    const documents = [1, 2, 3].map((seed) => text(60, 4, seed));
    await Promise.all(documents.map((tokens, id) => memory.set(id, Int32Array.from(tokens))));
    const tokens = [3, ...text(30, 4, 9), 2, ...text(12, 4, 10)];
    const first = 32;
    const found = await score(tokens, first, { usesMemory: true });
    assert.equal(found.length, (tokens.length - first) * SCORE_COLUMNS);
    const all = await logits(engine, tokens, WIDTHS);
    for (let i = first; i < tokens.length; i++) {
      const row = found.subarray((i - first) * SCORE_COLUMNS, (i - first + 1) * SCORE_COLUMNS);
      const shares = row.subarray(1, 5);
      const components = componentsOf(
        documents,
        tokens.slice(0, i).filter((token) => token >= FIRST),
      );
      for (const [k, { length, shares: by }] of components.entries())
        assert.ok(Math.abs(shares[k]! - (length === 0 ? -1 : (by.get(tokens[i]!) ?? 0))) < 1e-5, `${i} ${k}`);
      const logitsHere = Array.from(all.subarray((i - 1) * TINY.vocabularySize, i * TINY.vocabularySize));
      const mixed = 2 ** -bitsWith(row, gate);
      assert.ok(Math.abs(mixed - mixture(logitsHere, components, gate).probabilities[tokens[i]!]!) < 1e-5);
    }
  });

  it('look for matches as if a suffix in the middle of the prompt came first', async () => {
    await memory.set(0, Int32Array.from([10, 11, 12, 13]));
    const before = [20, 21, 10, 11, 12];
    const after = [30, 31, 32];
    const suffixFirst = [3, ...after, 1, ...before, 2, 13];
    const suffixLast = [1, ...before, 3, ...after, 2, 13];
    const shareIn = async (...args: Parameters<typeof score>) => (await score(...args))[1]!;
    assert.equal(await shareIn(suffixFirst, suffixFirst.length - 1, { usesMemory: true }), 1);
    const suffix = { suffixBegin: 6, suffixEnd: 11 };
    assert.equal(await shareIn(suffixLast, suffixLast.length - 1, { usesMemory: true, ...suffix }), 1);
    assert.equal(await shareIn(suffixLast, suffixLast.length - 1, { usesMemory: true }), -1);
  });

  it('can be aborted', async () => {
    const tokens = text(150, 80, 1);
    const abortedAtOnce = () =>
      new Promise<string>((resolve) => {
        const handle = engine.generate(requestOf(tokens, 1), (event) => {
          if (event.type === 'end') resolve(event.reason);
        });
        handle.abort();
      });
    // So small a model has sometimes read the text before the abort arrives.
    let reason = 'stop';
    for (let i = 0; i < 100 && reason === 'stop'; i++) {
      await score([1, 2], 1); // so that nothing of the text is cached
      reason = await abortedAtOnce();
    }
    assert.equal(reason, 'aborted');
    near(await score(tokens, 100), await expected(tokens, 100));
  });

  it('are refused for a place outside of the text', async () => {
    const tokens = text(20, 80, 1);
    for (const first of [20, 21, -1]) await assert.rejects(score(tokens, first), RangeError, `${first}`);
    for (const [suffixBegin, suffixEnd] of [
      [-1, 3],
      [4, 3],
      [4, 21],
      [4, 12],
    ])
      await assert.rejects(score(tokens, 11, { suffixBegin: suffixBegin!, suffixEnd: suffixEnd! }), RangeError);
    await assert.rejects(score([5], 1), RangeError);
  });

  it('refuse the memory of a model with more tokens, some of which have no logits', async () => {
    const more = [...tokenBytes, Buffer.from('more')];
    const other = new addon.Memory({ tokenBytes: more, gate: flat(gate) });
    await assert.rejects(
      score(text(20, 4, 3), 10, { usesMemory: true, memory: other }),
      /the memory has tokens of a vocabulary of 97, the model's has 96/,
    );
  });

  it('matches a suffix that comes last in a completion too', async () => {
    await memory.set(0, Int32Array.from([10, 11, 12, 13]));
    const prompt = [1, 20, 21, 10, 11, 12, 3, 30, 31, 32, 2];
    const at = async (options: object) =>
      new Promise<number | undefined>((resolve) => {
        const request = { ...requestOf(prompt, 0), maxTokens: 1, usesMemory: true, ...options };
        engine.generate(request, (event) => {
          if (event.type === 'token') resolve(event.matchLength);
        });
      });
    assert.equal(await at({ suffixBegin: 6, suffixEnd: 11 }), 3);
    assert.equal(await at({}), 0);
  });
});
