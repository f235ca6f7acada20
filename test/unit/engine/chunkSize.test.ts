import assert from 'node:assert/strict';
import { ChunkSize } from '../../../src/engine/chunkSize';

describe('the tokens of a prompt that are read at once', () => {
  const after = (...chunks: (readonly [tokens: number, msPerToken: number])[]) => {
    const size = new ChunkSize({ least: 32, most: 256 });
    for (const [tokens, msPerToken] of chunks) size.took(tokens, tokens * msPerToken);
    return size.tokens;
  };

  it('are few as long as nothing is known', () => {
    assert.equal(after(), 32);
  });

  it('take at most 150 ms, unless that is less than the least', () => {
    for (const msPerToken of [0.6, 0.75, 1, 1.5, 2, 4])
      assert.ok(after([32, msPerToken]) * msPerToken <= 150, `${msPerToken} ms`);
    assert.deepEqual([after([32, 0.7]), after([32, 1]), after([32, 4]), after([32, 50])], [192, 128, 32, 32]);
  });

  it('are as many as the card has room for if it is fast', () => {
    assert.deepEqual([after([32, 0.1]), after([32, 0])], [256, 256]);
  });

  it('follow a load that comes and goes', () => {
    assert.equal(after([32, 0.1], [256, 3]), 32);
    assert.equal(after([32, 0.1], [256, 3], [32, 0.1]), 256);
  });

  it('do not depend on the short end of a prompt, whose time is that of a start', () => {
    assert.equal(after([32, 0.1], [3, 20]), 256);
  });
});
