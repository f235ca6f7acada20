import { type Latencies, LAST_BUCKET } from './latencies';
import { merge, NOTHING, type SizeTally, type Tally } from './tally';

/** A tally for each day that had any use, by its date `YYYY-MM-DD` in local time. */
export type Days = Readonly<Record<string, Tally>>;

export const KEPT_DAYS = 30;

/** More sizes than a checkpoint has short names for: what is stored stays small whatever it says. */
const MAX_SIZES = 32;

export function dayOf(date: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Both together, of which only the last `KEPT_DAYS` days of use are kept. */
export function mergeDays(a: Days, b: Days): Days {
  const dates = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort().slice(-KEPT_DAYS);
  return Object.fromEntries(dates.map((date) => [date, merge(a[date] ?? NOTHING, b[date] ?? NOTHING)]));
}

export function sumOf(days: Days): Tally {
  return Object.values(days).reduce(merge, NOTHING);
}

/**
 * Read what was stored.
 * @throws {Error} saying what is wrong with it
 */
export function parseDays(stored: unknown): Days {
  const days = record(stored, 'the days');
  const entries = Object.entries(days).map(([date, tally]): [string, Tally] => {
    if (!/^\d{4}-\d\d-\d\d$/.test(date)) throw new Error(`${JSON.stringify(date.slice(0, 40))} is not a date`);
    return [date, parseTally(tally, date)];
  });
  return mergeDays({}, Object.fromEntries(entries));
}

function parseTally(stored: unknown, date: string): Tally {
  const tally = record(stored, date);
  const sizes = Object.entries(record(tally.sizes, `the sizes of ${date}`));
  if (sizes.length > MAX_SIZES) throw new Error(`${date} has more than ${MAX_SIZES} sizes`);
  return {
    sizes: Object.fromEntries(sizes.map(([name, size]) => [name, parseSize(size, `${date}, ${name.slice(0, 40)}`)])),
    savedKeys: amount(tally.savedKeys, `savedKeys of ${date}`),
    autoBytes: amount(tally.autoBytes, `autoBytes of ${date}`),
    autoBytesByXL: amount(tally.autoBytesByXL, `autoBytesByXL of ${date}`),
  };
}

function parseSize(stored: unknown, where: string): SizeTally {
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
