import { type Latencies, LAST_BUCKET } from './latencies';
import { merge, NO_USAGE, type SizeCounts, type UsageCounts } from './counts';

/** The counts of each day with any use, by its date `YYYY-MM-DD` in local time. */
export type Days = Readonly<Record<string, UsageCounts>>;

export const KEPT_DAYS = 30;

/** A bound on damaged data: no checkpoint has more short names. */
const MAX_SIZES = 32;

export function dayOf(date: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The sum of both. Only the last `KEPT_DAYS` days of use are kept. */
export function mergeDays(a: Days, b: Days): Days {
  const dates = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort().slice(-KEPT_DAYS);
  return Object.fromEntries(dates.map((date) => [date, merge(a[date] ?? NO_USAGE, b[date] ?? NO_USAGE)]));
}

export function sumOf(days: Days): UsageCounts {
  return Object.values(days).reduce(merge, NO_USAGE);
}

/**
 * Read stored days.
 * @throws {Error} if they are damaged, naming the fault
 */
export function parseDays(stored: unknown): Days {
  const days = record(stored, 'the days');
  const entries = Object.entries(days).map(([date, counts]): [string, UsageCounts] => {
    if (!/^\d{4}-\d\d-\d\d$/.test(date)) throw new Error(`${JSON.stringify(date.slice(0, 40))} is not a date`);
    return [date, parseCounts(counts, date)];
  });
  return mergeDays({}, Object.fromEntries(entries));
}

function parseCounts(stored: unknown, date: string): UsageCounts {
  const counts = record(stored, date);
  const sizes = Object.entries(record(counts.sizes, `the sizes of ${date}`));
  if (sizes.length > MAX_SIZES) throw new Error(`${date} has more than ${MAX_SIZES} sizes`);
  return {
    sizes: Object.fromEntries(sizes.map(([name, size]) => [name, parseSize(size, `${date}, ${name.slice(0, 40)}`)])),
    savedKeys: amount(counts.savedKeys, `savedKeys of ${date}`),
    autoBytes: amount(counts.autoBytes, `autoBytes of ${date}`),
    autoBytesByXL: amount(counts.autoBytesByXL, `autoBytesByXL of ${date}`),
  };
}

function parseSize(stored: unknown, where: string): SizeCounts {
  const size = record(stored, where);
  return {
    requests: amount(size.requests, `requests of ${where}`),
    shown: amount(size.shown, `shown of ${where}`),
    accepted: amount(size.accepted, `accepted of ${where}`),
    latencies: parseLatencies(size.latencies, `latencies of ${where}`),
  };
}

function parseLatencies(stored: unknown, where: string): Latencies {
  const buckets = Object.entries(record(stored, where)).map(([bucket, count]): [number, number] => {
    if (!/^\d{1,3}$/.test(bucket) || Number(bucket) > LAST_BUCKET) throw new Error(`${where} have an unknown bucket`);
    return [Number(bucket), amount(count, where)];
  });
  return Object.fromEntries(buckets);
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`${what} are not an object`);
}

function amount(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw new Error(`${what} is not a number from 0 up`);
}
