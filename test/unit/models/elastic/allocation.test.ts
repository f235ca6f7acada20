import assert from 'node:assert/strict';
import { allocations, lossCurve, monotoneCubic, nonIncreasing, sensitivities, stepsFor } from '../../../../src/models/elastic/allocation';
import { Random } from '../../../../src/replay/random';

describe('losses of a layer by its width', () => {
  it('never rise with the width, and are 0 at the full one', () => {
    const curve = lossCurve(
      [
        { steps: 2, loss: 3 },
        { steps: 4, loss: 1 },
        { steps: 6, loss: 1.4 },
        { steps: 8, loss: -0.2 },
      ],
      12,
    );
    assert.equal(curve.length, 13);
    assert.deepEqual([...curve.subarray(0, 2)], [Infinity, Infinity], 'nothing is known below the narrowest point');
    for (let steps = 3; steps <= 12; steps++) assert.ok(curve[steps]! <= curve[steps - 1]!, `${steps} steps`);
    assert.equal(curve[2], 3);
    assert.ok(Math.abs(curve[4]! - 1.2) < 1e-12 && Math.abs(curve[6]! - 1.2) < 1e-12, 'the mean of two that rise');
    assert.deepEqual([curve[8], curve[12]], [0, 0]);
  });

  it('tell how many steps a loss needs', () => {
    const curve = lossCurve([{ steps: 2, loss: 0.5 }, { steps: 6, loss: 0.1 }], 10);
    const [first, second, ...others] = stepsFor([0.1, 0.5, 0.3], curve);
    assert.deepEqual([first, others.at(-1)], [6, 2]);
    assert.ok(second! > 2 && second! < 6 && curve[second!]! <= 0.3 && curve[second! - 1]! > 0.3);
    assert.deepEqual(stepsFor([0], curve), [], 'the full width is no submodel');
  });

  it('are pooled to the nearest that never rise', () => {
    assert.deepEqual(nonIncreasing([5, 3, 4, 1]), [5, 3.5, 3.5, 1]);
    assert.deepEqual(nonIncreasing([1, 2, 3]), [2, 2, 2]);
    assert.deepEqual(nonIncreasing([3, 2, 1]), [3, 2, 1]);
    assert.deepEqual(nonIncreasing([]), []);
  });

  it('go through the measured points and stay between them', () => {
    const [x, y] = [
      [1, 4, 6, 12],
      [9, 3, 2.9, 0],
    ];
    const at = monotoneCubic(x, y);
    for (const [i, value] of x.entries()) assert.ok(Math.abs(at(value) - y[i]!) < 1e-12);
    for (let value = 1; value < 12; value += 0.25) {
      assert.ok(at(value + 0.25) <= at(value) + 1e-12, `it rises at ${value}`);
    }
  });
});

describe('hidden units, shared out among the layers', () => {
  it('have the least loss of all ways to share them out', () => {
    const random = new Random(0, 'knapsack');
    for (let round = 0; round < 30; round++) {
      const full = 5;
      const curves = Array.from({ length: 3 }, () => {
        const losses = Array.from({ length: full }, () => random.next()).sort((a, b) => b - a);
        return Float64Array.from([Infinity, ...losses.slice(1), 0]);
      });
      const stepsFor = allocations(curves);
      const lossOf = (steps: readonly number[]) => steps.reduce((sum, own, i) => sum + curves[i]![own]!, 0);
      for (let budget = 0; budget <= 3 * full + 1; budget++) {
        let least = Infinity;
        for (let a = 1; a <= full; a++)
          for (let b = 1; b <= full; b++)
            for (let c = 1; c <= full; c++) if (a + b + c <= budget) least = Math.min(least, lossOf([a, b, c]));
        const found = stepsFor(budget);
        if (least === Infinity) {
          assert.equal(found, undefined, 'a layer needs one step at least');
          continue;
        }
        assert.ok(found && found.reduce((sum, own) => sum + own, 0) <= budget);
        assert.ok(Math.abs(lossOf(found) - least) < 1e-12, `${budget} steps`);
      }
    }
  });

  it('go to the layers that lose most without them', () => {
    const stepsFor = allocations([
      lossCurve([{ steps: 1, loss: 9 }], 10),
      lossCurve([{ steps: 1, loss: 1 }], 10),
      lossCurve([{ steps: 1, loss: 4 }], 10),
    ]);
    const [first, second, third] = stepsFor(18)!;
    assert.ok(first! > third! && third! > second!, String(stepsFor(18)));
    assert.deepEqual(stepsFor(30), [10, 10, 10]);
    assert.deepEqual(stepsFor(3), [1, 1, 1]);
    assert.equal(stepsFor(2), undefined);
  });
});

describe('the sensitivity of a layer', () => {
  it('is its change by the mean change, over all widths', () => {
    const found = sensitivities([
      [1, 2, 9],
      [10, 20, 90],
    ]);
    assert.deepEqual(
      found.map((value) => Number(value.toFixed(9))),
      [0.25, 0.5, 2.25],
    );
    assert.ok(Math.abs(sensitivities([[4, 1, 1], [1, 1, 1]])[0]! - Math.SQRT2) < 1e-12);
  });

  it('is not 0 if nothing changed on little text', () => {
    assert.ok(sensitivities([[0, 1]])[0]! > 0);
    assert.deepEqual(sensitivities([[0, 0]]), [1, 1]);
  });
});
