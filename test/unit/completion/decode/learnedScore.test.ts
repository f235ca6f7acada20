import assert from 'node:assert/strict';
import {
  EAGERNESS,
  FEATURES,
  featuresOf,
  featuresOfHead,
  score,
  scoreBoundAt,
} from '../../../../src/completion/decode/confidence';
import { GENERAL_WEIGHTS } from '../../../../src/completion/decode/generalScore';
import { addScores, countsFrom, LearnedScore, NO_SCORES } from '../../../../src/completion/decode/learnedScore';
import { Random } from '../../../../src/replay/random';
import { shipped } from '../../model';

const PLACE = { linePrefix: 'const a = ', lineSuffix: '' };
const featuresAt = (probability: number, tokens = 3) =>
  featuresOf(
    Array.from({ length: tokens }, () => ({ text: 'x', probability })),
    PLACE,
  ).at(-1)!;

describe('the score of a model that nobody has measured', () => {
  /** Suggestions of all scores that are right as often as `chance` says. */
  function learn(learned: LearnedScore, count: number, chance: (score: number) => number): void {
    const random = new Random(1, count);
    for (let i = 0; i < count; i++) {
      const shown = random.next();
      learned.settled(shown, random.next() < chance(shown));
    }
  }

  it('has a weight for every feature, and is more careful than that of the model that ships', async () => {
    assert.equal(GENERAL_WEIGHTS.length, FEATURES.length);
    const { weights } = (await shipped()).calibration!;
    for (const probability of [0.5, 0.8, 0.95, 0.99]) {
      const features = featuresAt(probability);
      assert.ok(score(features, new LearnedScore().weights) < score(features, weights));
    }
    assert.ok(
      score(featuresAt(0.999), new LearnedScore().weights) > EAGERNESS.careful,
      'and still shows what is certain',
    );
  });

  it('stays as it is until enough outcomes are known', () => {
    const learned = new LearnedScore();
    learn(learned, 39, () => 0);
    assert.deepEqual(learned.weights, GENERAL_WEIGHTS);
    learn(learned, 1, () => 0);
    assert.notDeepEqual(learned.weights, GENERAL_WEIGHTS);
  });

  it('comes to say how often this user’s suggestions are right', () => {
    for (const [name, chance] of Object.entries({
      less: (shown: number) => 0.6 * shown,
      more: (shown: number) => 1 - 0.6 * (1 - shown),
      steeper: (shown: number) => 1 / (1 + ((1 - shown) / shown) ** 1.6),
    })) {
      const learned = new LearnedScore();
      learn(learned, 1500, chance);
      for (const probability of [0.7, 0.85, 0.93]) {
        const features = featuresAt(probability);
        const [before, now] = [learned.uncorrected(features), score(features, learned.weights)];
        const wanted = chance(before);
        assert.ok(Math.abs(now - wanted) < 0.12, `${name}: ${now} for ${wanted} at ${before}`);
      }
    }
  });

  it('moves by a bounded amount, whatever happens', () => {
    for (const isRight of [true, false]) {
      const learned = new LearnedScore();
      learn(learned, 10_000, () => Number(isRight));
      const now = score(featuresAt(0.85), learned.weights);
      assert.ok(now > 0.02 && now < 0.98, `${now}`);
      learn(learned, 4000, (shown) => shown);
      const later = score(featuresAt(0.85), learned.weights);
      assert.ok(Math.abs(later - learned.uncorrected(featuresAt(0.85))) < 0.15, 'and follows the user back');
    }
  });

  it('never falls with more certain tokens, so that a decode can stop early', () => {
    for (const chance of [() => 0, () => 1, (shown: number) => 1 - shown]) {
      const learned = new LearnedScore();
      learn(learned, 1000, chance);
      assert.ok(scoreBoundAt(PLACE, learned.weights, 0.5));
      const rising = [0.5, 0.7, 0.9, 0.99].map((probability) => score(featuresAt(probability), learned.weights));
      assert.deepEqual(
        rising,
        rising.toSorted((a, b) => a - b),
      );
    }
  });

  it('reports each outcome as counts without text', () => {
    const seen: unknown[] = [];
    const learned = new LearnedScore(undefined, (outcome) => seen.push(outcome));
    learned.settled(0.55, true);
    learned.settled(1, false);
    learned.settled(NaN, true);
    assert.deepEqual(seen, [
      { shown: [0, 0, 0, 0, 0, 1, 0, 0, 0, 0], right: [0, 0, 0, 0, 0, 1, 0, 0, 0, 0] },
      { shown: [0, 0, 0, 0, 0, 0, 0, 0, 0, 1], right: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
    ]);
  });

  it('goes on from stored counts, and can be reset', () => {
    let stored = NO_SCORES;
    const first = new LearnedScore(stored, (outcome) => (stored = addScores(stored, outcome)));
    learn(first, 500, () => 0.2);
    const second = new LearnedScore(JSON.parse(JSON.stringify(stored)));
    assert.deepEqual(second.weights, first.weights);
    second.reset();
    assert.deepEqual(second.weights, GENERAL_WEIGHTS);
  });

  it('ignores damaged counts', () => {
    const ten = (count: number) => Array<number>(10).fill(count);
    for (const stored of [
      undefined,
      null,
      7,
      [],
      {},
      { shown: ten(1) },
      { shown: ten(1), right: ten(2) },
      { shown: ten(-1), right: ten(-1) },
      { shown: [...ten(1), 1], right: [...ten(1), 1] },
      { shown: ten(1e9), right: ten(1) },
      { shown: ten(NaN), right: ten(0) },
    ])
      assert.deepEqual(countsFrom(stored), NO_SCORES, JSON.stringify(stored));
    assert.deepEqual(countsFrom({ shown: ten(2), right: ten(1.5) }), { shown: ten(2), right: ten(1.5) });
  });

  it('keeps a bounded number of outcomes, of which the newer count more', () => {
    const all = { shown: Array<number>(10).fill(200), right: Array<number>(10).fill(0) };
    const one = { shown: [1, ...Array<number>(9).fill(0)], right: [1, ...Array<number>(9).fill(0)] };
    const { shown, right } = addScores(all, one);
    assert.deepEqual([shown[0], right[0], shown[1]], [100.5, 0.5, 100]);
  });
});

describe('the features of a head', () => {
  const pieces = ['ab', 'cd', 'ef'].map((text, i) => ({ text, probability: 0.9 - i * 0.2 }));
  const all = featuresOf(pieces, PLACE);

  it('are those of the pieces that have its characters', () => {
    assert.deepEqual(featuresOfHead(pieces, PLACE, 2), all[0]);
    assert.deepEqual(featuresOfHead(pieces, PLACE, 3), all[1]);
    assert.deepEqual(featuresOfHead(pieces, PLACE, 6), all[2]);
    assert.deepEqual(featuresOfHead(pieces, PLACE, 99), all[2], 'or of all');
    assert.deepEqual(featuresOfHead([], PLACE, 1), []);
  });
});
