import assert from 'node:assert/strict';
import { agoOf, bytes, milliseconds, ratio } from '../../../src/ui/format';

describe('a formatted value', () => {
  const cases: [shown: string, expected: string][] = [
    [milliseconds(0.2), '1 ms'],
    [milliseconds(18.4), '18 ms'],
    [milliseconds(999.6), '1.0 s'],
    [milliseconds(12_345), '12.3 s'],
    [bytes(17), '17 B'],
    [bytes(3_477_504), '3.5 MB'],
    [bytes(999_960), '1.0 MB'],
    [bytes(99.96e6), '100 MB'],
    [bytes(2.31e9), '2.3 GB'],
    [ratio(19, 50), '38% (19 of 50)'],
    [ratio(0, 0), '–'],
    [agoOf(-3), '0 s ago'],
    [agoOf(59_400), '59 s ago'],
    [agoOf(59_600), '1 min ago'],
    [agoOf(3_590_000), '1 h ago'],
  ];
  for (const [shown, expected] of cases) {
    it(`is ${expected}`, () => {
      assert.equal(shown, expected);
    });
  }
});
