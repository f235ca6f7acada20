import assert from 'node:assert/strict';
import { bootstrap } from '../../../src/replay/bootstrap';
import { Random } from '../../../src/replay/random';

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe('the bootstrap', () => {
  it('is as wide as expected from the spread of the items', () => {
    const random = new Random(3);
    const items = Array.from({ length: 100 }, () => 10 + 2 * random.normal());
    const { low, high } = bootstrap(items, (sample) => sum(sample) / sample.length);
    // Of a mean of 100 with a deviation of 2: 1.96 times 0.2 to each side.
    assert.ok(Math.abs(high - low - 0.784) < 0.12, `${low} to ${high}`);
    assert.ok(low < 10.2 && high > 9.8, `${low} to ${high}`);
  });

  it('has no width if all items are the same', () => {
    assert.deepEqual(bootstrap([3, 3, 3], sum), { low: 9, high: 9 });
  });

  it('is the same with the same seed', () => {
    const items = [1, 5, 9, 2, 8, 3];
    assert.deepEqual(bootstrap(items, sum), bootstrap(items, sum));
    assert.notDeepEqual(bootstrap(items, sum, 1), bootstrap(items, sum, 2));
  });
});
