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

  it('finds a generation at the same position', () => {
    assert.equal(found('a = █'), 'f(x);');
    assert.equal(found('b = █'), 'g(y);');
  });

  it('finds it at every position within its suggestion', () => {
    assert.equal(found('a = f(█'), 'x);');
  });

  it('finds nothing if other text was typed', () => {
    assert.equal(found('a = g█'), undefined);
    assert.equal(found('c = █'), undefined);
  });

  it('finds only generations with the same key', () => {
    assert.equal(found('a = █', byXL.cacheKey), 'f(x, y);');
    assert.equal(found('a = █', 'L 0.5 line'), undefined);
  });

  it('prefers the latest, and then earlier ones if the latest does not fit', () => {
    const latest = generationAt('a = █', 'f(z);');
    assert.equal(found('a = f(█', first.cacheKey, [latest, first]), 'z);');
    assert.equal(found('a = f(x█', first.cacheKey, [latest, first]), ');');
  });

  describe('far below a declaration', () => {
    const between = Array.from({ length: 40 }, (_, i) => `  add(${i});\n`).join('');
    const drawn = `let total = 0;\n${between}return █`;
    const cached = generationAt(drawn, 'total;');
    const foundAt = (now: string) => found(now, cached.cacheKey, [cached]);

    it('finds a generation if nothing has changed there', () => {
      assert.equal(foundAt(drawn.replace('█', 'to█')), 'tal;');
    });

    it('finds nothing once the declaration has another name', () => {
      assert.equal(foundAt(drawn.replace('total', 'net')), undefined);
      assert.equal(foundAt(drawn.replace('total', 'other')), undefined);
    });

    it('finds it if the excerpt begins elsewhere now', () => {
      assert.equal(foundAt(drawn.slice(20)), 'total;');
      assert.equal(foundAt(`# more;\n${drawn}`), 'total;');
    });
  });
});
