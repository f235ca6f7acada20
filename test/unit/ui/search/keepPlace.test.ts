import assert from 'node:assert/strict';
import { keepPlace } from '../../../../src/ui/search/keepPlace';

const kept = (before: string, after: string, held: string | undefined) =>
  keepPlace([...before], [...after], held, (result) => result).join('');

describe('new results', () => {
  it('replace the old ones if the user is at none', () => {
    assert.equal(kept('abc', 'cde', undefined), 'cde');
  });

  it('replace the old ones if the one that the user is at is among them', () => {
    assert.equal(kept('abc', 'cde', 'c'), 'cde');
  });

  it('have the one that the user is at in its place if they lack it', () => {
    assert.equal(kept('abc', 'cde', 'b'), 'cbde');
    assert.equal(kept('abc', '', 'c'), 'c');
  });

  it('do not have what was not there before', () => {
    assert.equal(kept('abc', 'de', 'x'), 'de');
  });
});
