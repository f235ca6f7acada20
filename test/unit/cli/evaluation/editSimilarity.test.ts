import assert from 'node:assert/strict';
import { editSimilarity } from '../../../../src/cli/evaluation/editSimilarity';

describe('edit similarity', () => {
  const cases: [string, string, number][] = [
    ['', '', 1],
    ['abc', '', 0],
    ['abc', 'abc', 1],
    ['return a + b;', 'return a;', 18 / 22],
    ['kitten', 'sitting', 8 / 13],
    ['größe', 'grösse', 8 / 11],
  ];
  for (const [a, b, expected] of cases) {
    it(`of ${JSON.stringify(a)} and ${JSON.stringify(b)} is ${expected.toFixed(2)}`, () => {
      assert.ok(Math.abs(editSimilarity(a, b) - expected) < 1e-12);
      assert.ok(Math.abs(editSimilarity(b, a) - expected) < 1e-12);
    });
  }
});
