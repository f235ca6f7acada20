/**
 * Latencies as counts in buckets, each 9% wider than the one before. They are small, add up exactly over days, and give
 * percentiles that are at most 5% off. Bucket b holds latencies from 2^(b/8) to 2^((b+1)/8) milliseconds.
 */
export type Latencies = Readonly<Record<number, number>>;

const BUCKETS_PER_DOUBLING = 8;
/** 2^17 ms, more than two minutes: longer latencies count as this. */
export const LAST_BUCKET = 17 * BUCKETS_PER_DOUBLING;

export function addLatency(latencies: Latencies, latencyMs: number): Latencies {
  const bucket = Math.min(LAST_BUCKET, Math.floor(BUCKETS_PER_DOUBLING * Math.log2(Math.max(1, latencyMs))));
  return { ...latencies, [bucket]: (latencies[bucket] ?? 0) + 1 };
}

export function mergeLatencies(a: Latencies, b: Latencies): Latencies {
  const sum: Record<number, number> = { ...a };
  for (const [bucket, count] of Object.entries(b)) sum[Number(bucket)] = (sum[Number(bucket)] ?? 0) + count;
  return sum;
}

/** The milliseconds that `share` (0 to 1) of them do not exceed, or undefined if there are none. */
export function percentile(latencies: Latencies, share: number): number | undefined {
  const counts = Object.entries(latencies)
    .map(([bucket, count]) => ({ bucket: Number(bucket), count }))
    .sort((a, b) => a.bucket - b.bucket);
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  let seen = 0;
  for (const { bucket, count } of counts) {
    seen += count;
    if (seen >= share * total) return 2 ** ((bucket + 0.5) / BUCKETS_PER_DOUBLING);
  }
  return undefined;
}
