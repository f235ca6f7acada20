import { Random } from './random';

/** Contains 95 % of the resampled values. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2000;
const OUTSIDE = 0.05;

/**
 * The percentile interval of a statistic over resamples of the items, drawn with replacement (Efron, 1979).
 * @param items with paired values in one item
 */
export function bootstrap<T>(items: readonly T[], statistic: (sample: readonly T[]) => number, seed = 1): Interval {
  const random = new Random(seed, 'bootstrap');
  const values: number[] = [];
  for (let i = 0; i < RESAMPLES; i++) {
    const sample = items.map(() => items[Math.floor(random.next() * items.length)] as T);
    const value = statistic(sample);
    if (Number.isFinite(value)) values.push(value);
  }
  values.sort((a, b) => a - b);
  const at = (share: number) => values[Math.min(values.length - 1, Math.floor(share * values.length))] ?? NaN;
  return { low: at(OUTSIDE / 2), high: at(1 - OUTSIDE / 2) };
}
