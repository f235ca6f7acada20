import assert from 'node:assert/strict';
import { confident } from '../../../src/completion/confidence';

describe('confidence', () => {
  const pieces = (...list: [string, number][]) => list.map(([text, probability]) => ({ text, probability }));

  it('shows all that the model is sure of', () => {
    assert.equal(confident(pieces(['a', 0.9], ['(b)', 0.5]), 0.1), 'a(b)');
  });

  it('ends before the first guess', () => {
    assert.equal(confident(pieces(['a', 0.9], ['.', 0.9], ['b', 0.01], ['c', 0.9]), 0.1), 'a.');
  });

  it('drops a word of which only the beginning is sure', () => {
    assert.equal(confident(pieces(['this', 0.9], ['.', 0.9], ['get', 0.9], ['Foo', 0.01]), 0.1), 'this.');
  });
});
