import assert from 'node:assert/strict';
import type { NativeEngine, NativeMemory } from '../../src/engine/addon';
import { addon, generate } from './harness';
import { flat, random, randomGate, randomTensors, TINY, writeWeights } from './tinyCheckpoint';

describe('speculative decoding', () => {
  const weights = writeWeights(randomTensors(TINY));
  const tokenBytes = Array.from({ length: TINY.vocabularySize }, (_, token) => Buffer.from([0x20 + token]));
  let memory: NativeMemory;
  let engine: NativeEngine;
  before(() => {
    memory = new addon.Memory({ tokenBytes, gate: flat(randomGate()) });
    engine = new addon.Engine({ ...weights, config: TINY, threads: 2, memory });
  });
  after(() => {
    engine.dispose();
  });

  const next = random(77);
  const below = (n: number) => Math.floor(next() * n);
  const widths = () => Array.from({ length: TINY.layers }, () => 32 * below(TINY.ffnSize / 32 + 1));
  /** A submodel that may draft for another: no wider anywhere. */
  const within = (target: readonly number[]) => target.map((width) => 32 * below(width / 32 + 1));

  it('generates the same tokens with the same probabilities as plain greedy decoding, whatever the source of drafts', async () => {
    const seen = { copied: 0, written: 0, copiedAccepted: 0, writtenAccepted: 0, rejected: 0 };
    for (let round = 0; round < 160; round++) {
      // Few different tokens, so that the context often matches.
      const kinds = 2 + below(30);
      const prompt = Array.from({ length: 1 + below(90) }, () => below(kinds));
      const target = round % 4 === 0 ? [128, 128, 128, 128] : widths();
      if (target.every((width) => width === 0)) continue;
      const stopTokens = round % 3 === 0 ? [below(TINY.vocabularySize), below(kinds)] : [];
      const usesMemory = round % 2 === 0;
      if (usesMemory)
        await memory.set(
          round % 20,
          Int32Array.from({ length: 80 }, () => below(kinds)),
        );
      const options = { stopTokens, usesMemory, bannedFirstTokens: round % 5 === 0 ? [below(kinds)] : [] };
      const maxTokens = below(40);
      await generate(engine, [TINY.vocabularySize - 1], target, 0); // forgets what others wrote
      const plain = await generate(engine, prompt, target, maxTokens, options);
      for (const always of [true, false]) {
        await generate(engine, [TINY.vocabularySize - 1], target, 0);
        const drafted = await generate(engine, prompt, target, maxTokens, {
          ...options,
          draftTokens: 1 + below(8),
          draftWidths: round % 7 === 0 ? [] : within(target),
          draftAlways: always,
        });
        assert.deepEqual(drafted.tokens, plain.tokens);
        assert.deepEqual(drafted.probabilities, plain.probabilities);
        assert.equal(drafted.reason, plain.reason);
        const { copiedDrafts, copiedAccepted, writtenDrafts, writtenAccepted } = drafted.drafts!;
        seen.copied += copiedDrafts;
        seen.written += writtenDrafts;
        seen.copiedAccepted += copiedAccepted;
        seen.writtenAccepted += writtenAccepted;
        seen.rejected += copiedDrafts + writtenDrafts - copiedAccepted - writtenAccepted;
      }
    }
    for (const [kind, count] of Object.entries(seen)) assert.ok(count > 10, `${kind}: ${count} only`);
  });

  it('accepts every draft of the target itself', async () => {
    const prompt = Array.from({ length: 20 }, (_, i) => i * 3);
    const target = [64, 96, 32, 128];
    const { drafts, tokens } = await generate(engine, prompt, target, 25, {
      draftTokens: 4,
      draftWidths: target,
      draftAlways: true,
    });
    assert.equal(tokens.length, 25);
    assert.equal(drafts?.writtenAccepted, drafts?.writtenDrafts);
  });

  it('drafts from the tokens that were used last if the vocabulary is large, and generates the same', async () => {
    const target = [128, 128, 128, 128];
    const draft = { draftTokens: 4, draftWidths: target, draftAlways: true };
    const counts = { rejected: 0, rejectedAgain: 0, accepted: 0 };
    for (let round = 0; round < 60; round++) {
      const few = new addon.Engine({ ...weights, config: TINY, threads: 1, draftRows: 32 });
      const prompt = Array.from({ length: 10 }, () => below(TINY.vocabularySize));
      const plain = await generate(engine, prompt, target, 12);
      const fresh = await generate(few, prompt, target, 12, draft);
      const again = await generate(few, prompt, target, 12, draft);
      for (const { tokens, probabilities } of [fresh, again]) {
        assert.deepEqual([tokens, probabilities], [plain.tokens, plain.probabilities]);
      }
      counts.rejected += fresh.drafts!.writtenDrafts - fresh.drafts!.writtenAccepted;
      counts.rejectedAgain += again.drafts!.writtenDrafts - again.drafts!.writtenAccepted;
      counts.accepted += again.drafts!.writtenAccepted;
      few.dispose();
    }
    assert.equal(counts.rejectedAgain, 0, 'the answer’s tokens can be drafted from then on');
    assert.ok(counts.rejected > 5 && counts.accepted > 20, JSON.stringify(counts));
  });

  it('continues afterwards from a cache that holds only the target’s positions', async () => {
    const prompt = Array.from({ length: 30 }, (_, i) => (i * 7) % 50);
    const target = [128, 128, 128, 128];
    const options = { draftTokens: 8, draftWidths: [32, 0, 32, 0], draftAlways: true };
    const first = await generate(engine, prompt, target, 10, options);
    const longer = [...prompt, ...first.tokens];
    const second = await generate(engine, longer, target, 10, options);
    assert.ok(second.reusedTokens >= longer.length - 1);
    const fresh = new addon.Engine({ ...weights, config: TINY, threads: 1 });
    assert.deepEqual(second.tokens, (await generate(fresh, longer, target, 10)).tokens);
    fresh.dispose();
  });

  it('ends at the end of the context, as plain decoding does', async () => {
    const prompt = Array.from({ length: TINY.contextLength - 5 }, (_, i) => i % 11);
    const target = [32, 32, 32, 32];
    const plain = await generate(engine, prompt, target, 100);
    const drafted = await generate(engine, prompt, target, 100, { draftTokens: 8, draftAlways: true });
    assert.deepEqual([drafted.tokens, drafted.reason], [plain.tokens, 'context']);
  });

  it('stops for an abort between two passes', async () => {
    const config = { ...TINY, contextLength: 4096 };
    const long = new addon.Engine({ ...weights, config, threads: 1 });
    const { reason, tokens } = await generate(long, [1, 2, 3], [128, 128, 128, 128], 4000, {
      draftTokens: 4,
      draftWidths: [32, 0, 32, 0],
      onToken: (count, abort) => {
        if (count === 5) abort();
      },
    });
    assert.equal(reason, 'aborted');
    assert.ok(tokens.length < 3000, `${tokens.length} tokens came before the end`);
    long.dispose();
  });

  it('refuses invalid drafts', async () => {
    const attempt = (draftTokens: number, draftWidths: readonly number[]) =>
      generate(engine, [1], [32, 32, 0, 32], 1, { draftTokens, draftWidths });
    await assert.rejects(attempt(9, []), /a draft has 0 to 8 tokens, not 9/);
    await assert.rejects(attempt(-1, []), /a draft has 0 to 8 tokens/);
    await assert.rejects(attempt(2, [32]), /width/);
    await assert.rejects(attempt(2, [64, 32, 0, 32]), /the draft is wider than its target in layer 0/);
    await assert.rejects(attempt(2, [32, 32, 32, 32]), /the draft is wider than its target in layer 2/);
    assert.equal((await generate(engine, [1], [32, 32, 0, 32], 1)).tokens.length, 1);
  });
});
