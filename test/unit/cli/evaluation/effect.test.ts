import assert from 'node:assert/strict';
import { differenceOf, effectOf } from '../../../../src/cli/evaluation/effect';

const NOTHING = {
  shown: false,
  exact: false,
  editSimilarity: 0,
  accepted: false,
  right: false,
  chars: 0,
  duplicates: false,
};
const shown = (chars: number) => ({ ...NOTHING, shown: true, exact: true, right: true, chars });

describe('the effect of the memory', () => {
  it('is the mean difference at the same places, with its standard error', () => {
    const pairs = [
      { file: 'a', off: NOTHING, on: shown(8) },
      { file: 'a', off: shown(4), on: shown(4) },
      { file: 'b', off: shown(4), on: NOTHING },
      { file: 'b', off: NOTHING, on: shown(4) },
    ];
    const { places, exact, chars, charsRatio } = effectOf(pairs);
    assert.equal(places, 4);
    assert.equal(exact.mean, 0.25);
    assert.ok(Math.abs(exact.standardError - Math.sqrt(11 / 12 / 4)) < 1e-12, String(exact.standardError));
    assert.equal(chars.mean, 2);
    assert.equal(charsRatio.value, 2);
    // Files are drawn as a whole: twice the first, both, or twice the second.
    assert.deepEqual(charsRatio.interval, { low: 1, high: 3 });
  });

  it('has no error if all differences are equal', () => {
    assert.deepEqual(differenceOf([1, 1, 1]), { mean: 1, standardError: 0 });
  });
});
