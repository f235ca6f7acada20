import assert from 'node:assert/strict';
import { score } from '../../../../src/completion/decode/confidence';
import { calibrationError, curveOf, figuresOf } from '../../../../src/cli/evaluation/figures';
import { fitLogistic } from '../../../../src/cli/evaluation/logistic';
import { Random } from '../../../../src/replay/random';

describe('a logistic fit', () => {
  it('finds the weights that generated the labels', () => {
    const random = new Random(1);
    const rows = Array.from({ length: 4000 }, () => [1, random.normal(), random.normal()]);
    const labels = rows.map((row) => random.next() < score(row, [0.5, 2, -1]));
    fitLogistic(rows, labels).forEach((weight, i) => {
      assert.ok(Math.abs(weight - [0.5, 2, -1][i]!) < 0.2, `${i}: ${weight}`);
    });
  });

  it('stays finite if a feature separates right from wrong', () => {
    const rows = [-2, -1, 1, 2].map((x) => [1, x]);
    assert.ok(fitLogistic(rows, [false, false, true, true]).every(Number.isFinite));
  });
});

describe('a calibration curve', () => {
  const heads = [0.05, 0.05, 0.95, 1].map((score) => ({ score, right: score > 0.5 }));

  it('has the predicted and the observed share in every tenth', () => {
    const curve = curveOf(heads);
    assert.equal(curve.length, 10);
    assert.deepEqual(curve[0], { from: 0, heads: 2, predicted: 0.05, observed: 0 });
    assert.deepEqual(curve[9], { from: 0.9, heads: 2, predicted: 0.975, observed: 1 });
  });

  it('has an error that is the mean error of its heads', () => {
    assert.ok(Math.abs(calibrationError(curveOf(heads)) - 0.0375) < 1e-9);
    assert.equal(calibrationError(curveOf([])), 0);
  });
});

describe('figures', () => {
  it('are shares of all places, or of the shown suggestions', () => {
    const nothing = {
      shown: false,
      exact: false,
      editSimilarity: 0,
      accepted: false,
      right: false,
      chars: 0,
      duplicates: false,
    };
    const figures = figuresOf([
      nothing,
      { ...nothing, shown: true, accepted: true, right: true, chars: 8, exact: true, editSimilarity: 1 },
      { ...nothing, shown: true, duplicates: true },
      nothing,
    ]);
    assert.deepEqual(figures, {
      opportunities: 4,
      exact: 0.25,
      editSimilarity: 0.25,
      shown: 0.5,
      charsPerOpportunity: 2,
      accepted: 0.5,
      right: 0.5,
      duplicates: 0.5,
    });
  });
});
