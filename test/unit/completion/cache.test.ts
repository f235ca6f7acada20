import assert from 'node:assert/strict';
import { cacheKey, LruCache } from '../../../src/completion/cache';

describe('the cache of suggestions', () => {
  it('forgets what was used longest ago', () => {
    const cache = new LruCache<number>(2);
    cache.set('a', 1);
    cache.set('b', 2);
    cache.get('a');
    cache.set('c', 3);
    assert.deepEqual(
      ['a', 'b', 'c'].map((key) => cache.get(key)),
      [1, undefined, 3],
    );
  });

  it('tells submodels and surroundings apart', () => {
    const keys = [
      cacheKey('S', true, 'p', 'ab', 'c'),
      cacheKey('M', true, 'p', 'ab', 'c'),
      cacheKey('S', false, 'p', 'ab', 'c'),
      cacheKey('S', true, 'q', 'ab', 'c'),
      cacheKey('S', true, 'p', 'a', 'bc'),
    ];
    assert.equal(new Set(keys).size, keys.length);
  });
});
