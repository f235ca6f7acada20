import assert from 'node:assert/strict';
import { endOfText, timeBoxed } from '../../../src/completion/lookUp';
import type { MemoryMatch } from '../../../src/engine/memory';

const MATCH: MemoryMatch = { length: 9, count: 1, topShare: 1 };
const SPECIAL = { endOfText: 0, fimPrefix: 1, fimMiddle: 2, fimSuffix: 3, fileSeparator: 4 };

describe('a look-up in the memory', () => {
  it('returns what it finds', async () => {
    assert.equal(await timeBoxed({ look: () => Promise.resolve(MATCH) })([1], {}), MATCH);
  });

  it('returns nothing if it takes too long or fails', async () => {
    assert.equal(await timeBoxed({ look: () => new Promise(() => undefined) })([1], {}), undefined);
    assert.equal(await timeBoxed({ look: () => Promise.reject(new Error('gone')) })([1], {}), undefined);
  });
});

describe('the end of a prompt’s text', () => {
  it('begins after the last special token and ends before the one that asks for the middle', () => {
    assert.deepEqual(endOfText([4, 3, 10, 11, 1, 12, 13, 2], SPECIAL), [12, 13]);
    assert.deepEqual(endOfText([4, 3, 10, 1, 2], SPECIAL), []);
    const long = Array.from({ length: 100 }, (_, i) => 10 + i);
    assert.deepEqual(endOfText([1, ...long, 2], SPECIAL), long.slice(-39));
  });
});
