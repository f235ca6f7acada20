import assert from 'node:assert/strict';
import { suffixTokensWithin } from '../../../../src/completion/prompt/suffixBudget';

describe('the length of a suffix that each key has read again', () => {
  it('is what half of the time for the answer allows', () => {
    assert.equal(suffixTokensWithin(200, 1), 100);
    assert.equal(suffixTokensWithin(1000, 1), 500);
    assert.equal(suffixTokensWithin(100, 0.5), 100);
  });

  it('is the rest of the line at least, however slow the model or fast the user', () => {
    assert.equal(suffixTokensWithin(8, 1), 16);
    assert.equal(suffixTokensWithin(200, 50), 16);
  });

  it('has no limit if no time was measured', () => {
    assert.equal(suffixTokensWithin(200, undefined), Infinity);
    assert.equal(suffixTokensWithin(200, 0), Infinity);
  });
});
