import assert from 'node:assert/strict';
import type { NativeEngine, NativeMemory } from '../../src/engine/addon';
import { addon, generate, logits } from './harness';
import { componentsOf, mixture } from './reference';
import { flat, random, randomGate, randomTensors, TINY, writeWeights } from './tinyCheckpoint';

const WIDTHS = [128, 64, 32, 96];
const MARKS = 6;

/** Few letters in tokens of one to four, so that a text is spelled in many ways; the first tokens are marks. */
function spell(): string[] {
  const next = random(9);
  const letter = () => 'abcd'[Math.floor(next() * 4)]!;
  return Array.from({ length: TINY.vocabularySize }, (_, token) => {
    if (token < MARKS) return '';
    if (token < MARKS + 4) return 'abcd'[token - MARKS]!;
    return Array.from({ length: 1 + Math.floor(next() * 4) }, letter).join('');
  });
}

describe('token healing', () => {
  const weights = writeWeights(randomTensors(TINY));
  const spelled = spell();
  const tokenBytes = spelled.map((text) => Buffer.from(text));
  const gate = randomGate(3);
  let memory: NativeMemory;
  let engine: NativeEngine;
  before(() => {
    memory = new addon.Memory({ tokenBytes, gate: flat(gate) });
    engine = new addon.Engine({ ...weights, config: TINY, threads: 2, tokenBytes, memory });
  });
  after(() => {
    engine.dispose();
  });

  const next = random(5);
  const below = (n: number) => Math.floor(next() * n);
  const drawn = (length: number, kinds: number) => Array.from({ length }, () => MARKS + below(kinds));
  const isText = (token: number) => spelled[token] !== '';
  const textOf = (tokens: readonly number[]) => tokens.map((token) => spelled[token]).join('');
  const givenBackOf = (length: number) => Array.from({ length }, () => 'abcd'[below(4)]).join('');

  const documents = Array.from({ length: 5 }, () => drawn(60, 20));

  /** Every token of the mixture that may come, by trying all; the likeliest, and its share of them. */
  function choose(row: readonly number[], tokens: readonly number[], left: string) {
    const components = componentsOf(documents, tokens.filter(isText));
    const { probabilities, byMatches } = mixture(row, components, gate);
    const chances = probabilities.map((p, token) => {
      const text = spelled[token]!;
      return left === '' || (text !== '' && (left.startsWith(text) || text.startsWith(left))) ? p : 0;
    });
    const best = Math.max(...chances);
    const token = chances.indexOf(best);
    const all = left === '' ? 1 : chances.reduce((a, b) => a + b);
    const isLikeliest = (other: number) => chances[other]! > best - 1e-6;
    return { token, isLikeliest, probability: best / all, isOfMatches: byMatches[token]! > best / 2 };
  }

  it('chooses the likeliest token that spells the healing prefix, with its probability among such tokens', async () => {
    let [healed, ofMatches] = [0, 0];
    await Promise.all(documents.map((tokens, id) => memory.set(id, Int32Array.from(tokens))));
    for (let round = 0; round < 40; round++) {
      const prompt = drawn(5 + below(40), 2 + below(20));
      const healingPrefix = givenBackOf(1 + below(6));
      await logits(engine, prompt, WIDTHS); // forgets what another submodel wrote of the prompt
      const options = { usesMemory: true, healingPrefix: Buffer.from(healingPrefix) };
      const found = await generate(engine, prompt, WIDTHS, 8, options);
      assert.ok(textOf(found.tokens).startsWith(healingPrefix), `${textOf(found.tokens)} for ${healingPrefix}`);
      const sofar = [...prompt];
      let left = healingPrefix;
      for (const [i, token] of found.tokens.entries()) {
        const all = await logits(engine, sofar, WIDTHS);
        const row = Array.from(all.subarray(-TINY.vocabularySize));
        const expected = choose(row, sofar, left);
        assert.ok(expected.isLikeliest(token), `${token} is less likely than ${expected.token}`);
        assert.ok(Math.abs(found.probabilities[i]! - expected.probability) < 1e-4);
        if (left !== '') {
          healed++;
          ofMatches += Number(expected.isOfMatches);
        }
        left = left.slice(spelled[token]!.length);
        sofar.push(token);
      }
    }
    assert.ok(healed > 60 && ofMatches > 5, `${healed} tokens spelled what was given back, ${ofMatches} after matches`);
  });

  it('generates the same tokens with the same probabilities, whatever the source of drafts', async () => {
    let rejected = 0;
    for (let round = 0; round < 80; round++) {
      const prompt = drawn(2 + below(80), 5 + below(60));
      const healingPrefix = Buffer.from(givenBackOf(below(8)));
      const options = { healingPrefix, usesMemory: round % 2 === 1 };
      await logits(engine, prompt, WIDTHS);
      const plain = await generate(engine, prompt, WIDTHS, 20, options);
      await logits(engine, prompt, WIDTHS);
      const drafted = await generate(engine, prompt, WIDTHS, 20, {
        ...options,
        expected: plain.tokens.slice(0, below(20)).map((token) => (below(6) ? token : MARKS + below(9))),
        draftTokens: 1 + below(8),
        draftWidths: round % 3 ? [32, 32, 0, 32] : [],
        draftAlways: true,
      });
      assert.deepEqual([drafted.tokens, drafted.probabilities], [plain.tokens, plain.probabilities]);
      const { copiedDrafts, copiedAccepted } = drafted.drafts!;
      rejected += copiedDrafts - copiedAccepted;
    }
    assert.ok(rejected > 20, `${rejected} drafts were rejected`);
  });

  it('verifies the expected tokens in one pass, and continues after the first wrong one', async () => {
    const prompt = drawn(30, 40);
    const ways = async (expected: (plain: readonly number[]) => readonly number[]) => {
      await logits(engine, prompt, WIDTHS);
      const plain = await generate(engine, prompt, WIDTHS, 12);
      assert.equal(plain.passes, 11);
      await logits(engine, prompt, WIDTHS);
      const found = await generate(engine, prompt, WIDTHS, 12, { expected: expected(plain.tokens) });
      assert.deepEqual([found.tokens, found.probabilities], [plain.tokens, plain.probabilities]);
      return found.passes;
    };
    assert.equal(await ways((plain) => plain.slice(0, 4)), 7, 'four come with the prompt, which tells the fifth');
    assert.equal(await ways((plain) => plain), 1, 'eight come with the prompt and the others in one pass');
    const wrong = (plain: readonly number[]) => [...plain.slice(0, 2), (plain[2]! + 1) % TINY.vocabularySize, 5];
    assert.equal(await ways(wrong), 9);
  });

  it('chooses no special token before the prefix is spelled, and no banned first token', async () => {
    const prompt = drawn(30, 90);
    const healingPrefix = Buffer.from('a');
    const first = await generate(engine, prompt, WIDTHS, 1, { healingPrefix });
    const barred = await generate(engine, prompt, WIDTHS, 1, { healingPrefix, bannedFirstTokens: first.tokens });
    assert.notDeepEqual(barred.tokens, first.tokens);
    assert.match(textOf(barred.tokens), /^a/);
  });

  it('refuses a prefix that no tokens spell', async () => {
    await assert.rejects(
      generate(engine, [1], WIDTHS, 1, { healingPrefix: Buffer.from('aé') }),
      /no token spells the byte 195/,
    );
    const unknowing = new addon.Engine({ ...weights, config: TINY, threads: 1 });
    await assert.rejects(
      generate(unknowing, [1], WIDTHS, 1, { healingPrefix: Buffer.from('a') }),
      /opened without the tokens' bytes/,
    );
    unknowing.dispose();
    assert.throws(
      () => new addon.Engine({ ...weights, config: TINY, threads: 1, tokenBytes: [...tokenBytes, Buffer.from('a')] }),
      /bytes of 97 tokens, the model's vocabulary has 96/,
    );
  });

  it('never chooses a row of the vocabulary that no token has, drafted or not', async () => {
    const tokens = TINY.vocabularySize - 25;
    const few = new addon.Engine({ ...weights, config: TINY, threads: 1, tokenBytes: tokenBytes.slice(0, tokens) });
    let wanted = 0;
    for (let round = 0; round < 20; round++) {
      const prompt = drawn(5 + below(40), 60);
      const of = (from: NativeEngine, options = {}) => generate(from, prompt, WIDTHS, 12, options);
      const draft = { draftTokens: 4, draftWidths: [32, 32, 0, 32], draftAlways: true };
      for (const found of [await of(few), await of(few, { ...draft })]) {
        assert.ok(found.tokens.every((token) => token < tokens));
      }
      wanted += (await of(engine)).tokens.filter((token) => token >= tokens).length;
    }
    assert.ok(wanted > 5, `${wanted} would have been chosen`);
    few.dispose();
  });
});
