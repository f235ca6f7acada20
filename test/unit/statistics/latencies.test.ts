import assert from 'node:assert/strict';
import { addLatency, type Latencies, mergeLatencies, percentile } from '../../../src/statistics/latencies';

const of = (...latenciesMs: number[]) => latenciesMs.reduce<Latencies>(addLatency, {});
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('latencies', () => {
  it('have no percentile before the first', () => {
    assert.equal(percentile({}, 0.5), undefined);
  });

  it('give percentiles that are at most 5% off', () => {
    const latencies = of(...range(1, 1000));
    for (const share of [0.1, 0.5, 0.95, 1]) {
      const found = percentile(latencies, share) ?? 0;
      assert.ok(Math.abs(found / (1000 * share) - 1) < 0.05, `${found} for ${1000 * share}`);
    }
  });

  it('add up as if they had been one', () => {
    assert.deepEqual(mergeLatencies(of(...range(1, 500)), of(...range(501, 1000))), of(...range(1, 1000)));
  });

  it('count a latency beyond all buckets in the first or the last', () => {
    assert.ok(percentile(of(0), 1)! < 2);
    assert.ok(percentile(of(1e9), 1)! > 100_000);
  });
});
