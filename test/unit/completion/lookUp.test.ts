import assert from 'node:assert/strict';
import { endOfText, timeBoxed } from '../../../src/completion/lookUp';
import type { MemoryMatch } from '../../../src/engine/memory';
import type { PromptFormat } from '../../../src/matlm/promptFormat';

const MATCH: MemoryMatch = { length: 9, count: 1, topShare: 1 };
const FORMAT: PromptFormat = {
  order: 'spm',
  hasHeader: true,
  tokens: { prefix: 1, middle: 2, suffix: 3, file: 4 },
  stop: [0],
};

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
    assert.deepEqual(endOfText({ tokens: [4, 3, 10, 11, 1, 12, 13, 2], textEnd: 7 }, FORMAT), [12, 13]);
    assert.deepEqual(endOfText({ tokens: [4, 3, 10, 1, 2], textEnd: 4 }, FORMAT), []);
    const long = Array.from({ length: 100 }, (_, i) => 10 + i);
    assert.deepEqual(endOfText({ tokens: [1, ...long, 2], textEnd: 101 }, FORMAT), long.slice(-39));
  });

  it('ends before the suffix that comes after it', () => {
    assert.deepEqual(endOfText({ tokens: [1, 12, 13, 3, 10, 11, 2], textEnd: 3 }, FORMAT), [12, 13]);
  });

  it('is the whole prompt’s if that has no special tokens', () => {
    const plain: PromptFormat = { order: 'none', hasHeader: false, tokens: {}, stop: [0] };
    assert.deepEqual(endOfText({ tokens: [12, 13], textEnd: 2 }, plain), [12, 13]);
  });
});
