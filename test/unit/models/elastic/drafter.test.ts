import assert from 'node:assert/strict';
import type { GenerateEvent, GenerateRequest } from '../../../../src/engine/engine';
import type { Checkpoint } from '../../../../src/matlm/checkpoint';
import { bytesPerToken } from '../../../../src/matlm/submodel';
import { chooseDrafter, draftersOf, fastest } from '../../../../src/models/elastic/drafter';
import type { ElasticEngine } from '../../../../src/models/elastic/types';
import { shape as model } from './shape';

describe('the choice of a drafter', () => {
  /** Rounds of copying alone and of drafters, each of which has so many of its tokens accepted. */
  const rounds = (ms: readonly (readonly number[])[], accepted = 0.3) =>
    ms.map((ways) => ways.map((msPerToken, way) => ({ msPerToken, accepted: way === 0 ? 0 : accepted })));

  it('is the fastest by the median of the rounds, each next to copying alone in the same round', () => {
    assert.equal(fastest(rounds([[10, 8, 9]]), 1.03), 1);
    // The machine was slow in the second round, which every way felt.
    const three = [
      [10, 9, 9.5],
      [30, 27, 29],
      [10, 12, 9.4],
    ];
    assert.equal(fastest(rounds(three), 1.03), 1);
  });

  it('is none if the gain is small, or cannot come from its drafts', () => {
    assert.equal(fastest(rounds([[10, 9.8, 10.4]]), 1.03), undefined);
    assert.equal(fastest(rounds([[10, 9.8, 10.4]]), 1.01), 1);
    assert.equal(fastest(rounds([[10]]), 1.03), undefined);
    assert.equal(fastest(rounds([[10, 8, 9]], 0), 1.03), undefined, 'nothing was drafted');
    assert.equal(fastest(rounds([[10, 8, 9]], 0.02), 1.03), undefined, 'hardly anything was accepted');
  });

  it('is among submodels that skip the layers that are missed least, and that are cheap enough to draft', () => {
    const order = Array.from({ length: model.layers }, (_, layer) => layer).toReversed();
    const found = draftersOf(model, order);
    assert.ok(found.length >= 4 && new Set(found.map(String)).size === found.length);
    const full = bytesPerToken(model, Array<number>(model.layers).fill(model.ffnSize));
    for (const widths of found) {
      assert.ok(widths.every((width) => width % 32 === 0 && width < model.ffnSize));
      assert.ok(bytesPerToken(model, widths) <= 0.8 * full);
      const skipped = widths.filter((width) => width === 0).length;
      assert.ok(widths.slice(model.layers - skipped).every((width) => width === 0));
    }
    const mostlyHead = { ...model, vocabularySize: 1_000_000 };
    assert.deepEqual(draftersOf(mostlyHead, order), [], 'every submodel reads the whole head');
    assert.ok(found.some((widths) => widths.includes(0)) && found.some((widths) => !widths.includes(0)));
  });

  describe('on a machine of some speed', () => {
    const good = Array<number>(model.layers).fill(model.ffnSize / 4);
    const texts = Array.from({ length: 8 }, (_, i) => ({ path: `${i}.ts`, text: 'x'.repeat(190) }));
    const checkpoint = {
      tokenizer: { encode: (text: string) => Array.from(text, (char) => char.charCodeAt(0)), tokenBytes: [] },
      prompt: { tokens: {} },
      config: { model },
    } as unknown as Checkpoint;

    /**
     * An engine with a clock of its own, which is `slowness` times as slow as one that chooses in ample time. One drafter makes
     * the model faster, all others make it slower. Whatever answers first after a prompt is read is a tenth slower.
     */
    function machine(slowness: number) {
      let nowMs = 0;
      let isFirst = false;
      const first: string[] = [];
      const engine: ElasticEngine = {
        logits: () => Promise.reject(new Error('not needed')),
        logProbabilities: (tokens, widths) => {
          nowMs += 50 * slowness;
          // The later a layer, the less it is missed.
          const missed = model.layers - widths.indexOf(0);
          return Promise.resolve(new Float32Array(tokens.length - 1).fill(widths.includes(0) ? -1 - missed / 100 : -1));
        },
        generate: ({ maxTokens, speculation }: GenerateRequest, _: AbortSignal, on: (event: GenerateEvent) => void) => {
          const name = String(speculation?.widths ?? '');
          const share = name === '' ? 1 : name === String(good) ? 0.7 : 1.2;
          if (isFirst) first.push(name);
          const decodeMs = 5 * slowness * maxTokens * share * (isFirst ? 1.1 : 1);
          isFirst = maxTokens === 0;
          nowMs += decodeMs;
          for (let i = 0; i < maxTokens; i++) on({ type: 'token', token: 0, probability: 1 });
          const accepted = name === '' ? 0 : maxTokens / 2;
          on({ type: 'end', reason: 'length', decodedTokens: maxTokens, passes: maxTokens - accepted, decodeMs, writtenAccepted: accepted });
        },
      };
      const choose = (budgetMs: number) => chooseDrafter(engine, checkpoint, texts, { budgetMs, now: () => nowMs });
      return { choose, first, now: () => nowMs };
    }

    it('is the one that makes the model faster', async () => {
      assert.deepEqual(await machine(1).choose(60_000), good);
      assert.deepEqual(await machine(5).choose(60_000), good, 'also with little time');
    });

    it('is none if the time does not tell, and the time is kept', async () => {
      for (const slowness of [1, 5, 20, 100]) {
        const slow = machine(slowness);
        const chosen = await slow.choose(60_000);
        // What is under way when the time is over is one place, with three ways to write its answer.
        assert.ok(slow.now() <= 60_000 + 4 * 48 * 5 * slowness, `${slow.now()} ms at ${slowness}`);
        if (slowness === 100) assert.equal(chosen, undefined);
      }
    });

    it('lets another way come first in each round, because the first one is slower', async () => {
      const slow = machine(7); // a round is one place
      await slow.choose(60_000);
      const rounds = slow.first.slice(1, 4); // after the first look
      assert.equal(new Set(rounds).size, 3, rounds.join(' | '));
    });

    it('measures nothing if no submodel is cheap enough to draft', async () => {
      const mostlyHead = { ...checkpoint, config: { model: { ...model, vocabularySize: 1_000_000 } } } as Checkpoint;
      const failing = { logProbabilities: () => Promise.reject(new Error('measured')) } as unknown as ElasticEngine;
      assert.equal(await chooseDrafter(failing, mostlyHead, texts), undefined);
    });
  });
});
