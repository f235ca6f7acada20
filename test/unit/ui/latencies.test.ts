import assert from 'node:assert/strict';
import { Latencies } from '../../../src/ui/latencies';

describe('latencies', () => {
  it('have no percentile before the first', () => {
    assert.equal(new Latencies().percentile(0.5), undefined);
  });

  it('give the median and the 95th percentile of the last ones', () => {
    const latencies = new Latencies(100);
    for (let ms = 1; ms <= 200; ms++) latencies.add(ms);
    assert.deepEqual([latencies.percentile(0.5), latencies.percentile(0.95), latencies.count], [150, 195, 100]);
  });
});
