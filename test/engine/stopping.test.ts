import assert from 'node:assert/strict';
import type { Engine, ScoreBound } from '../../src/engine/engine';
import { LocalEngine, openMemory } from '../../src/engine/native';
import { mayReachScore, NO_TOKENS, withToken } from '../../src/engine/scoreBound';
import type { EngineCheckpoint } from '../../src/matlm/checkpoint';
import { complete } from './complete';
import { ROOT } from './harness';
import { logitsOnly } from './logitsOnly';
import { random, randomGate, TINY, tinyCheckpoint } from './tinyCheckpoint';

/** Single letters and line ends, and runs of two to four of them. */
const ALPHABET = 'abcdefg\n';
const SPELLED = Array.from({ length: TINY.vocabularySize }, (_, i) =>
  i < ALPHABET.length
    ? ALPHABET.charAt(i)
    : Array.from({ length: 2 + (i % 3) }, (_, n) => ALPHABET.charAt((i * (n + 3) + n) % ALPHABET.length)).join(''),
);
const WIDTHS = [64, 32, 128, 96];

const ENGINES = {
  'the native engine': (checkpoint: EngineCheckpoint) =>
    new LocalEngine(ROOT, checkpoint, 1, openMemory(ROOT, checkpoint)),
  'a model that computes logits only': (checkpoint: EngineCheckpoint) =>
    logitsOnly(checkpoint, openMemory(ROOT, checkpoint)),
};

for (const [name, open] of Object.entries(ENGINES)) {
  describe(`the end of an answer of ${name}`, () => {
    const next = random(31);
    const below = (n: number) => Math.floor(next() * n);
    let engine: Engine & { dispose(): void };
    before(() => {
      const tokenBytes = SPELLED.map((text) => Buffer.from(text));
      const checkpoint = tinyCheckpoint(TINY);
      const config = { ...checkpoint.config, gate: randomGate(3) };
      engine = open({ ...checkpoint, config, tokenizer: { tokenBytes } });
    });
    after(() => {
      engine.dispose();
    });

    const request = () => ({
      prompt: Array.from({ length: 2 + below(40) }, () => below(TINY.vocabularySize)),
      widths: WIDTHS,
      maxTokens: 24,
      stopTokens: [],
      memory: {},
      healingPrefix: below(2) ? Array.from({ length: 1 + below(4) }, () => ALPHABET.charAt(below(8))).join('') : '',
    });
    /** What is left to spell of what is given back, before each token. */
    const leftBefore = (tokens: readonly number[], healingPrefix: string) => {
      let left = healingPrefix;
      return tokens.map((token) => {
        const before = left;
        left = left.slice(SPELLED[token]!.length);
        return before;
      });
    };

    it('is the first line end after the healing prefix', async () => {
      let ended = 0;
      for (let round = 0; round < 60; round++) {
        const asked = request();
        const whole = await complete(engine, asked);
        const found = await complete(engine, { ...asked, endsWithLine: true });
        const left = leftBefore(whole.tokens, asked.healingPrefix);
        const end = whole.tokens.findIndex((token, i) => SPELLED[token]!.slice(left[i]!.length).includes('\n'));
        assert.deepEqual(found.tokens, end < 0 ? whole.tokens : whole.tokens.slice(0, end + 1));
        assert.equal(found.reason, end < 0 ? 'length' : 'line');
        ended += Number(end >= 0);
      }
      assert.ok(ended > 10, `${ended} answers ended with a line`);
    });

    it('is the token after which no continuation could reach the score, as in the pipeline', async () => {
      const seen = new Map<string, number>();
      let ofMatches = 0;
      for (let round = 0; round < 80; round++) {
        const asked = request();
        const scoreBound: ScoreBound = {
          constant: 4 * next() - 0.5,
          ofSum: 0.3 * next(),
          ofMean: next(),
          ofLeast: 0.7 * next(),
          ofLogCount: next() - 0.8,
          ofMemorySum: 0.6 * next(),
        };
        const whole = await complete(engine, asked);
        const found = await complete(engine, { ...asked, scoreBound });
        ofMatches += Number(whole.memoryShares.some((share) => share > 0.1));
        const left = leftBefore(whole.tokens, asked.healingPrefix);
        let tally = NO_TOKENS;
        const end = whole.tokens.findIndex((token, i) => {
          if (left[i] !== '' && SPELLED[token]!.length <= left[i]!.length) return false;
          tally = withToken(tally, { probability: whole.probabilities[i]!, memoryShare: whole.memoryShares[i] });
          return !mayReachScore(scoreBound, tally);
        });
        assert.deepEqual(found.tokens, end < 0 ? whole.tokens : whole.tokens.slice(0, end + 1));
        const reason = end < 0 ? 'length' : end === 0 ? 'scoreBound at once' : 'scoreBound';
        assert.equal(found.reason, end < 0 ? 'length' : 'scoreBound');
        seen.set(reason, (seen.get(reason) ?? 0) + 1);
      }
      assert.ok([...seen.values()].every((count) => count > 5) && seen.size === 3, JSON.stringify([...seen]));
      assert.ok(ofMatches > 10, `${ofMatches} answers came from earlier matches`);
    });
  });
}
