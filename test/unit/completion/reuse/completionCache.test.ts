import assert from 'node:assert/strict';
import { findCached } from '../../../../src/completion/reuse/completionCache';
import type { Suggesting } from '../../../../src/completion/reuse/generation';
import { generationAt, sinceAt } from './earlier';

describe('the cache of completions', () => {
  const first = generationAt('a = █', 'f(x);');
  const elsewhere = generationAt('b = █', 'g(y);');
  const byXL = generationAt('a = █', 'f(x, y);', { submodel: 'XL' });
  const found = (drawn: string, cacheKey = first.cacheKey, generations: Suggesting[] = [byXL, elsewhere, first]) =>
    findCached(generations, sinceAt(drawn), cacheKey)?.suggestion.text;

  it('finds what was generated at the same position', () => {
    assert.equal(found('a = █'), 'f(x);');
    assert.equal(found('b = █'), 'g(y);');
  });

  it('finds it at every position that typing along with it leads to', () => {
    assert.equal(found('a = f(█'), 'x);');
  });

  it('finds nothing where something else was typed', () => {
    assert.equal(found('a = g█'), undefined);
    assert.equal(found('c = █'), undefined);
  });

  it('finds only what has the same key', () => {
    assert.equal(found('a = █', byXL.cacheKey), 'f(x, y);');
    assert.equal(found('a = █', 'L 0.5 line'), undefined);
  });

  it('prefers the latest, and goes on to earlier ones where the latest does not fit', () => {
    const latest = generationAt('a = █', 'f(z);');
    assert.equal(found('a = f(█', first.cacheKey, [latest, first]), 'z);');
    assert.equal(found('a = f(x█', first.cacheKey, [latest, first]), ');');
  });
});
