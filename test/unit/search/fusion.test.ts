import assert from 'node:assert/strict';
import { fuse } from '../../../src/search/fusion';

const WORDS = [
  { key: 'a', score: 0.9 },
  { key: 'b', score: 0.5 },
];
const MEANING = [
  { key: 'c', score: 0.8 },
  { key: 'b', score: 0.7 },
  { key: 'd', score: 0.2 },
];

function keys(weight: number, count = 10): string[] {
  return fuse(WORDS, MEANING, { weight, count }).map(({ key }) => key);
}

describe('a ranking of two', () => {
  it('is that of the words if the meaning has no weight, and the other way round', () => {
    assert.deepEqual(keys(0).slice(0, 2), ['a', 'b']);
    assert.deepEqual(keys(1).slice(0, 2), ['c', 'b']);
  });

  it('prefers what both have found', () => {
    assert.deepEqual(keys(0.6)[0], 'b');
  });

  it('puts one behind that has a lower prior, and leaves its parts as they are', () => {
    const prior = (key: string) => (key === 'a' ? 0.5 : 1);
    const ranked = fuse(WORDS, MEANING, { weight: 0, count: 2, prior });
    assert.deepEqual(
      ranked.map(({ key, score, words }) => [key, score, words]),
      [
        ['b', 0.5, 0.5],
        ['a', 0.45, 0.9],
      ],
    );
  });

  it('has both parts of each score, as far as they are known', () => {
    const [best] = fuse(WORDS, MEANING, { weight: 0.6, count: 1 });
    assert.deepEqual(
      { ...best, score: Math.round(best!.score * 100) },
      { key: 'b', score: 62, words: 0.5, meaning: 0.7 },
    );
    const a = fuse(WORDS, MEANING, { weight: 0.6, count: 10 }).find(({ key }) => key === 'a');
    assert.equal(a!.meaning, undefined);
  });
});
