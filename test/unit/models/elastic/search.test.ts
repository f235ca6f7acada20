import assert from 'node:assert/strict';
import { lossesBy, planOf } from '../../../../src/models/elastic/search';

describe('the plan of a search', () => {
  it('measures every layer by itself if there is time, and otherwise fewer widths or neighbours together', () => {
    assert.deepEqual(planOf(4, 8)?.groups, [[0], [1], [2], [3]]);
    assert.equal(planOf(4, 8)?.shares.length, 2);
    assert.equal(planOf(4, 7)?.shares.length, 1);
    assert.deepEqual(planOf(7, 4)?.groups, [[0, 1], [2, 3], [4], [5, 6]]);
    assert.equal(planOf(4, 1), undefined, 'all layers together would tell nothing');
    assert.equal(planOf(30, 4), undefined);
  });

  it('has each layer in one group', () => {
    for (let layers = 2; layers <= 40; layers++)
      for (let most = 1; most <= 2 * layers; most++) {
        const plan = planOf(layers, most);
        if (!plan) continue;
        assert.ok(plan.groups.length * plan.shares.length <= most);
        assert.deepEqual(
          plan.groups.flat(),
          Array.from({ length: layers }, (_, layer) => layer),
        );
      }
  });
});

describe('losses by width', () => {
  it('grow as the divergences do, except those of very narrow submodels', () => {
    const found = lossesBy([8, 4, 2, 1], [16, 1.8, 1.3, 0.4], 1);
    assert.deepEqual(
      found.map((value) => Number(value.toFixed(9))),
      [16, 2, 1, 0.5],
    );
    assert.deepEqual(lossesBy([4, 2], [1, 1], 1), [2, 1], 'a narrow one loses no less for it');
    assert.deepEqual(lossesBy([2, 1], [-0.1, -0.2], 0), [0, 0]);
  });
});
