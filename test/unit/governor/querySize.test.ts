import assert from 'node:assert/strict';
import { querySize } from '../../../src/governor/querySize';
import { AUTO } from '../../../src/governor/settings';

const COSTS = [
  { submodel: 'S', embedMs: 2 },
  { submodel: 'M', embedMs: 5 },
  { submodel: 'L', embedMs: 40 },
  { submodel: 'XL', embedMs: 150 },
];
const MAINS = { powerSource: 'mains' } as const;
const BATTERY = { powerSource: 'battery' } as const;

describe('the size that embeds a query', () => {
  it('is the smallest while it is typed, and the largest in a pause', () => {
    assert.equal(querySize(COSTS, false, MAINS, AUTO), 'S');
    assert.equal(querySize(COSTS, true, MAINS, AUTO), 'XL');
    assert.equal(querySize(COSTS, true, { powerSource: 'unknown' }, AUTO), 'XL');
  });

  it('answers within the latency budget in a pause, or is the smallest', () => {
    assert.equal(querySize(COSTS, true, MAINS, { ...AUTO, latencyBudgetMs: 50 }), 'L');
    assert.equal(querySize(COSTS, true, MAINS, { ...AUTO, latencyBudgetMs: 1 }), 'S');
    const slow = COSTS.map(({ submodel, embedMs }) => ({ submodel, embedMs: embedMs * 3 }));
    assert.equal(querySize(slow, true, MAINS, AUTO), 'L');
  });

  it('is tried if it was not measured', () => {
    assert.equal(querySize([{ submodel: 'S' }, { submodel: 'XL' }], true, MAINS, AUTO), 'XL');
  });

  it('is at most the cap on battery', () => {
    const settings = { ...AUTO, batteryCap: 'M' };
    assert.equal(querySize(COSTS, true, BATTERY, settings), 'M');
    assert.equal(querySize(COSTS, true, MAINS, settings), 'XL');
    assert.equal(querySize(COSTS, true, BATTERY, { ...AUTO, batteryCap: 'M-2.1' }), 'XL'); // no size of an encoder
  });

  it('is what the user has fixed, if the encoder has it', () => {
    for (const isPausing of [false, true])
      assert.equal(querySize(COSTS, isPausing, BATTERY, { ...AUTO, submodel: 'L' }), 'L');
    assert.equal(querySize(COSTS, false, MAINS, { ...AUTO, submodel: 'imported L' }), 'S');
  });

  it('is unknown while there are no sizes', () => {
    assert.equal(querySize([], true, MAINS, AUTO), undefined);
  });
});
