import assert from 'node:assert/strict';
import {
  confidentHead,
  EAGERNESS,
  FEATURES,
  featuresOf,
  isEagerness,
  mayShowMore,
  scoreBoundAt,
  score,
} from '../../../../src/completion/decode/confidence';
import { Random } from '../../../../src/replay/random';
import { shipped, small } from '../../model';

const PLACE = { linePrefix: 'const a = ', lineSuffix: '' };
const pieces = (...list: [string, number][]) => list.map(([text, probability]) => ({ text, probability }));

describe('the confident head', () => {
  // Without calibration, the score is the product of the probabilities.
  const head = (minScore: number, ...list: [string, number][]) =>
    confidentHead(pieces(...list), PLACE, undefined, minScore);

  it('is all of the text if its score is high enough', () => {
    assert.equal(head(0.4, ['a', 0.9], ['(b)', 0.5]), 'a(b)');
  });

  it('ends before the piece that lowers the score too far', () => {
    assert.equal(head(0.5, ['items', 0.9], ['.', 0.9], ['b', 0.01], ['c', 0.9]), 'items.');
  });

  it('needs a higher score if it leaves the line unfinished', () => {
    assert.equal(head(0.5, ['items', 0.7]), 'items');
    assert.equal(head(0.5, ['items', 0.7], ['\n', 0.01]), 'items');
    assert.equal(head(0.5, ['items', 0.7], ['.', 0.01]), '');
  });

  it('is empty if it is very short and not all of the text', () => {
    assert.equal(head(0.5, [');', 0.9]), ');');
    assert.equal(head(0.5, ['a.', 0.9], ['b', 0.01]), '');
  });

  it('drops a word that would be cut', () => {
    assert.equal(head(0.5, ['this', 0.9], ['.', 0.9], ['get', 0.9], ['Foo', 0.01]), 'this.');
  });

  it('drops such a word in other scripts too', () => {
    assert.equal(head(0.5, ['return ', 0.9], ['של', 0.9], ['ום', 0.01]), 'return ');
    assert.equal(head(0.5, ['return ', 0.9], ['cafe', 0.9], ['\u0301', 0.01]), 'return ');
    assert.equal(head(0.5, ['return ', 0.9], ['של', 0.9], ['', 0.01], ['ו', 0.9]), 'return ');
    assert.equal(head(0.5, ['return ', 0.9], ['של', 0.9], ['', 0.01]), 'return ');
  });

  it('is empty if the first piece is unlikely', () => {
    assert.equal(head(0.5, ['a', 0.2], ['b', 1]), '');
  });

  it('is all of the text if no score is required', () => {
    assert.equal(head(0, ['a', 0.001], ['b', 0.001]), 'ab');
  });

  it('follows the calibration if there is one', () => {
    const distrustful = FEATURES.map((name) => (name === 'constant' ? -5 : 0));
    const trusting = FEATURES.map((name) => (name === 'constant' ? 5 : 0));
    assert.equal(confidentHead(pieces(['a', 1]), PLACE, distrustful, 0.5), '');
    assert.equal(confidentHead(pieces(['a', 0.1]), PLACE, trusting, 0.5), 'a');
  });
});

describe('the features of a head', () => {
  it('are as many as their names', () => {
    for (const features of featuresOf(pieces(['a', 0.5], ['b', 0.5]), PLACE)) {
      assert.equal(features.length, FEATURES.length);
    }
  });

  it('are finite if a token has the probability 0', () => {
    const [features = []] = featuresOf(pieces(['a', 0]), PLACE);
    assert.ok(features.every(Number.isFinite));
    assert.ok(score(features, undefined) > 0);
  });

  it('have the sum that came from earlier matches, 0 if the model decided alone', () => {
    const sums = featuresOf(
      [
        { text: 'a', probability: Math.exp(-1), memoryShare: 0.8 },
        { text: 'b', probability: Math.exp(-2) },
      ],
      PLACE,
    ).map((features) => features[FEATURES.indexOf('sum of log probabilities from earlier matches')]);
    assert.deepEqual(sums, [-0.8, -0.8]);
  });

  it('score as before with weights from before the memory', () => {
    const nine = [2.2, 1.6, 0.7, -0.3, -0.2, -0.5, -0.8, -0.9, 1];
    const [copied = []] = featuresOf([{ text: 'a', probability: 0.7, memoryShare: 0.9 }], PLACE);
    const [alone = []] = featuresOf(pieces(['a', 0.7]), PLACE);
    assert.equal(score(copied, nine), score(alone, nine));
    assert.equal(scoreBoundAt(PLACE, nine, 0.5)?.ofMemorySum, 0);
  });

  it('show the start of a line, an unfinished word, and text after the cursor', () => {
    const place = (linePrefix: string, lineSuffix: string) =>
      featuresOf(pieces(['a', 1]), { linePrefix, lineSuffix })[0]?.slice(5, 8);
    assert.deepEqual(place('  ', ''), [1, 0, 0]);
    assert.deepEqual(place('con', ''), [0, 1, 0]);
    assert.deepEqual(place('f(', ')'), [0, 0, 1]);
  });
});

describe('a decode that could show no more text', () => {
  const WORDS = ['return', ' this', '.', 'name', '(', ');', '\n  ', '\n}', ' = '];

  /** Weights that like or dislike what came from earlier matches. */
  const withMemory = (weight: number) => [1.5, 1, 0.7, -0.3, -0.2, -0.5, -0.8, -0.9, 1, weight];

  const CHECKPOINTS: [string, () => Promise<readonly number[] | undefined>][] = [
    ['one that trusts matches', () => Promise.resolve(withMemory(1))],
    ['one that distrusts matches', () => Promise.resolve(withMemory(-0.6))],
    ['the checkpoint that ships', async () => (await shipped()).calibration?.weights],
    ['the small one', async () => (await small()).calibration?.weights],
    ['one that was not calibrated', () => Promise.resolve(undefined)],
  ];
  for (const [name, weightsOf] of CHECKPOINTS)
    it(`stops early with ${name}, and shows the same as at its end`, async () => {
      const random = new Random(3);
      const weights = await weightsOf();
      let [stopped, saved, shown] = [0, 0, 0];
      for (let round = 0; round < 3000; round++) {
        const minScore = Object.values(EAGERNESS)[round % 3]!;
        const place = { linePrefix: ['', '  ', 'const na'][round % 3]!, lineSuffix: ['', ')'][round % 2]! };
        const written = Array.from({ length: 1 + Math.floor(12 * random.next()) }, () => ({
          text: WORDS[Math.floor(WORDS.length * random.next())]!,
          probability: random.next() ** 0.3,
          memoryShare: random.next() < 0.3 ? 0 : random.next(),
        }));
        const scoreBound = scoreBoundAt(place, weights, minScore);
        const end = written.findIndex((_, i) => !mayShowMore(written.slice(0, i + 1), scoreBound));
        const whole = confidentHead(written, place, weights, minScore);
        shown += Number(whole !== '');
        if (end < 0) continue;
        stopped++;
        saved += written.length - end - 1;
        assert.equal(confidentHead(written.slice(0, end + 1), place, weights, minScore), whole);
      }
      assert.ok(stopped > 300 && saved > 300 && shown > 300, `${stopped} stopped, ${saved} saved, ${shown} shown`);
    });

  it('has no bound if less certain tokens could raise the score', () => {
    const weights = (ofSum: number, ofLeast: number, ofMemorySum: number) => [
      1,
      ofSum,
      0.5,
      ofLeast,
      0,
      0,
      0,
      0,
      0,
      ofMemorySum,
    ];
    assert.ok(scoreBoundAt(PLACE, weights(1, -0.3, -0.6), 0.5));
    for (const unbounded of [weights(1, 0, -1.1), weights(1, -0.6, -0.6), weights(1, -1.1, 0.5)])
      assert.equal(scoreBoundAt(PLACE, unbounded, 0.5), undefined);
  });

  it('continues to its end if everything is shown', () => {
    assert.ok(mayShowMore(pieces(['a', 0.001]), scoreBoundAt(PLACE, undefined, 0)));
  });
});

describe('eagerness', () => {
  it('has three steps', () => {
    assert.deepEqual(['careful', 'balanced', 'eager', 'bold', 1].map(isEagerness), [true, true, true, false, false]);
  });
});
