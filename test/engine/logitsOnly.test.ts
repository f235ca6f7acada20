import assert from 'node:assert/strict';
import type { DraftCounts } from '../../src/engine/engine';
import { LocalEngine, openMemory } from '../../src/engine/native';
import type { LogitsEngine } from '../../src/engine/logitsEngine';
import { complete } from './complete';
import { ROOT } from './harness';
import { random, randomGate, TINY, tinyCheckpoint } from './tinyCheckpoint';
import { logitsOnly } from './logitsOnly';

const S = [32, 32, 32, 32];
const XL = [128, 128, 128, 128];
const XS = [32, 0, 32, 0];
const MIX = [64, 32, 128, 96];

describe('speculative decoding by a model that computes logits only', () => {
  /** 64 characters are tokens, and some of their pairs and triples are too. */
  const tokenBytes = Array.from({ length: TINY.vocabularySize }, (_, i) =>
    i < 64 ? Uint8Array.of(48 + i) : Uint8Array.from({ length: 2 + (i % 2) }, (_, n) => 48 + ((i * (n + 3)) % 64)),
  );
  const tiny = tinyCheckpoint(TINY);
  const checkpoint = { ...tiny, config: { ...tiny.config, gate: randomGate() }, tokenizer: { tokenBytes } };
  const next = random(77);
  const below = (n: number) => Math.floor(next() * n);
  /** A submodel that may draft for another: no wider anywhere. */
  const within = (target: readonly number[]) => target.map((width) => 32 * below(width / 32 + 1));
  let engine: LogitsEngine;
  const memory = openMemory(ROOT, checkpoint);
  beforeEach(() => (engine = logitsOnly(checkpoint, memory)));
  afterEach(() => {
    engine.dispose();
  });

  it('generates the same tokens as plain greedy decoding, whatever the source of drafts', async () => {
    const seen = { copied: 0, written: 0, copiedAccepted: 0, writtenAccepted: 0, rejected: 0 };
    for (let round = 0; round < 60; round++) {
      // Few different tokens, so that the context often matches.
      const kinds = 2 + below(30);
      const widths = round % 4 === 0 ? XL : within(XL).map((width) => Math.max(32, width));
      const request = {
        prompt: Array.from({ length: 1 + below(90) }, () => below(kinds)),
        widths,
        maxTokens: below(40),
        stopTokens: round % 3 === 0 ? [below(TINY.vocabularySize), below(kinds)] : [],
        memory: round % 2 === 0 ? {} : undefined,
        bannedFirstTokens: round % 5 === 0 ? [below(kinds)] : [],
        healingPrefix: round % 6 === 0 ? String.fromCharCode(48 + below(64), 48 + below(64), 48 + below(64)) : '',
      };
      // Forgets what others wrote of the prompt.
      const forget = () => complete(engine, { prompt: [TINY.vocabularySize - 1], widths, maxTokens: 0 });
      await forget();
      const plain = await complete(engine, request);
      for (const always of [true, false]) {
        await forget();
        const draftWidths = round % 7 === 0 ? [] : round % 7 === 1 ? widths : within(widths);
        const speculation = { widths: draftWidths, maxTokens: 1 + below(8), always };
        const expected = plain.tokens.slice(0, below(12)).map((token) => (below(5) ? token : below(kinds)));
        const drafted = await complete(engine, { ...request, speculation, expected });
        assert.deepEqual([drafted.tokens, drafted.reason], [plain.tokens, plain.reason]);
        const { copiedDrafts, copiedAccepted, writtenDrafts, writtenAccepted } = drafted.drafts as DraftCounts;
        seen.copied += copiedDrafts;
        seen.written += writtenDrafts;
        seen.copiedAccepted += copiedAccepted;
        seen.writtenAccepted += writtenAccepted;
        seen.rejected += copiedDrafts + writtenDrafts - copiedAccepted - writtenAccepted;
      }
    }
    for (const [kind, count] of Object.entries(seen)) assert.ok(count > 10, `${kind}: ${count} only`);
  }).timeout(300_000);

  it('writes what the native engine writes, and counts its drafts', async () => {
    const native = new LocalEngine(ROOT, checkpoint, 1, memory);
    // What repeats is drafted.
    const prompt = [1, 2, 3, 7, 7, 7, 7, 7, 7, 7];
    for (const maxTokens of [0, 4]) {
      const speculation = { widths: [], maxTokens, always: true };
      const request = { prompt, widths: XL, memory: {}, speculation };
      const [ours, theirs] = [await complete(native, request), await complete(engine, request)];
      assert.deepEqual(theirs.tokens, ours.tokens);
      for (const { copiedDrafts = 0, copiedAccepted = 0, writtenDrafts } of [ours.drafts, theirs.drafts]) {
        assert.ok(copiedAccepted <= copiedDrafts && copiedDrafts > 0 === maxTokens > 0, `${copiedDrafts} drafts`);
        assert.equal(writtenDrafts, 0);
      }
    }
    native.dispose();
  });

  it('accepts every draft of the target itself', async () => {
    const speculation = { widths: MIX, maxTokens: 4, always: true };
    let [drafted, accepted] = [0, 0];
    for (let seed = 0; seed < 8; seed++) {
      const prompt = Array.from({ length: 12 }, (_, i) => (i * 11 + seed * 5) % TINY.vocabularySize);
      const { drafts } = await complete(engine, { prompt, widths: MIX, maxTokens: 25, speculation });
      drafted += drafts.writtenDrafts ?? 0;
      accepted += drafts.writtenAccepted ?? 0;
    }
    assert.ok(drafted > 20 && accepted > 0.9 * drafted, `${accepted} of ${drafted}`);
  });

  it('continues afterwards from a cache that holds only the target’s positions', async () => {
    const speculation = { widths: XS, maxTokens: 8, always: true };
    const prompt = Array.from({ length: 30 }, (_, i) => (i * 7) % 50);
    const first = await complete(engine, { prompt, widths: XL, maxTokens: 10, speculation });
    const longer = [...prompt, ...first.tokens];
    const second = await complete(engine, { prompt: longer, widths: XL, speculation });
    assert.equal(second.reusedTokens, longer.length - 1);
    const fresh = logitsOnly(checkpoint);
    assert.deepEqual(second.tokens, (await complete(fresh, { prompt: longer, widths: XL })).tokens);
    fresh.dispose();
  });

  it('ends at the end of the context, as plain decoding does', async () => {
    const prompt = Array.from({ length: TINY.contextLength - 5 }, (_, i) => i % 11);
    const plain = await complete(engine, { prompt, widths: S, maxTokens: 100 });
    const speculation = { widths: S, maxTokens: 8, always: true };
    const drafted = await complete(engine, { prompt, widths: S, maxTokens: 100, speculation });
    assert.deepEqual([drafted.tokens, drafted.reason], [plain.tokens, 'context']);
  });

  it('stops for an abort between two passes, and leaves no draft in the cache', async () => {
    const request = { prompt: [1, 2, 3], widths: XL, maxTokens: 12 };
    const plain = await complete(engine, request);
    const speculation = { widths: XS, maxTokens: 4, always: true };
    const { reason, tokens } = await complete(engine, { ...request, maxTokens: 100, speculation }, (count, abort) => {
      if (count === 5) abort();
    });
    assert.deepEqual([reason, tokens.length], ['aborted', 5]);
    assert.deepEqual((await complete(engine, request)).tokens, plain.tokens);
  });

  it('refuses invalid drafts', async () => {
    const attempt = async (maxTokens: number, widths: readonly number[]) =>
      complete(engine, { prompt: [1], widths: [32, 32, 0, 32], speculation: { widths, maxTokens } });
    await assert.rejects(attempt(9, []), /a draft has 0 to 8 tokens, not 9/);
    await assert.rejects(attempt(2, [32]), /the model has 4 widths, not 1/);
    await assert.rejects(attempt(2, [64, 32, 0, 32]), /the draft is wider than its target in layer 0/);
    await assert.rejects(attempt(2, [32, 32, 32, 32]), /the draft is wider than its target in layer 2/);
  });
});
