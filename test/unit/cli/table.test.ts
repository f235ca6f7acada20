import assert from 'node:assert/strict';
import { layOut } from '../../../src/cli/table';

describe('a table for a terminal', () => {
  it('has aligned columns', () => {
    assert.equal(layOut([['a', '1'], ['bcd', '20']]), 'a     1\nbcd  20'); // prettier-ignore
  });

  it('prints no character that a terminal obeys, wherever its text comes from', () => {
    assert.equal(layOut([['name', '\u001B[2Jmodel\u202E']], [1]), 'name   [2Jmodel');
  });
});
