import assert from 'node:assert/strict';
import { linear, roundDomain, ticks } from '../../../../src/ui/dashboard/page/scales';

describe('a scale', () => {
  it('maps its domain onto the screen, also upside down', () => {
    const y = linear([0, 10], [100, 20]);
    assert.deepEqual([y(0), y(5), y(10)], [100, 60, 20]);
  });

  it('puts a domain without extent in the middle', () => {
    assert.equal(linear([3, 3], [0, 50])(3), 25);
  });
});

describe('ticks', () => {
  const cases: [domain: [number, number], wanted: number, expected: number[]][] = [
    [[0, 10], 5, [0, 2, 4, 6, 8, 10]],
    [[0.9, 1], 4, [0.9, 0.95, 1]],
    [[1_900_000, 7_100_000], 5, [2e6, 4e6, 6e6]],
    [[0, 0.3], 3, [0, 0.1, 0.2, 0.3]],
    [[5, 5], 4, [5]],
  ];
  for (const [domain, wanted, expected] of cases) {
    it(`of ${domain.join(' to ')} are ${expected.join(', ')}`, () => {
      assert.deepEqual(ticks(domain, wanted), expected);
    });
  }
});

describe('a rounded domain', () => {
  const cases: [values: number[], wanted: number, expected: [number, number]][] = [
    [[0.9016, 0.9992], 4, [0.9, 1]],
    [[1_973_760, 7_053_312], 5, [0, 8e6]],
    [[0, 18], 3, [0, 20]],
    [[0, 0], 3, [0, 0]],
    [[7], 3, [5, 10]],
    [[], 3, [0, 1]],
  ];
  for (const [values, wanted, expected] of cases) {
    it(`holds ${values.join(', ') || 'nothing'} in ${expected.join(' to ')}`, () => {
      assert.deepEqual(roundDomain(values, wanted), expected);
    });
  }
});
