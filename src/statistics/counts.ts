import { addLatency, type Latencies, mergeLatencies } from './latencies';

/** Usage of one model size. */
export interface SizeCounts {
  /** Decodes that ended with an answer, empty or not. */
  readonly requests: number;
  /** Suggestions that were visible for `SEEN_MS`, or were accepted earlier than that. */
  readonly shown: number;
  /** Shown suggestions that were accepted, entirely or in part. */
  readonly accepted: number;
  readonly latencies: Latencies;
}

/** Usage over some time: counts only, no text and no paths. */
export interface UsageCounts {
  /** By the short name of the size. */
  readonly sizes: Readonly<Record<string, SizeCounts>>;
  /** Keystrokes saved by accepting suggestions. */
  readonly savedKeys: number;
  /** Weight bytes read when the governor chose the size, and the bytes XL would have read: an energy proxy. */
  readonly autoBytes: number;
  readonly autoBytesByXL: number;
}

export const NO_USAGE: UsageCounts = { sizes: {}, savedKeys: 0, autoBytes: 0, autoBytesByXL: 0 };

export type UsageEvent =
  | { readonly kind: 'answered'; readonly size: string; readonly latencyMs: number }
  | ({ readonly kind: 'read' } & WeightReads)
  | { readonly kind: 'shown'; readonly size: string }
  /** Accepted entirely or in part; `again` if an earlier part of the same suggestion was accepted before. */
  | { readonly kind: 'accepted'; readonly size: string; readonly savedKeys: number; readonly again: boolean };

/** Weight bytes of a decode whose size the governor chose, whether or not its answer was shown. */
export interface WeightReads {
  readonly bytes: number;
  /** Bytes XL would have read for the same text; 0 for a decode that XL alone would not have needed. */
  readonly bytesByXL: number;
}

export function countsOf(event: UsageEvent): UsageCounts {
  switch (event.kind) {
    case 'answered': {
      const { size, latencyMs } = event;
      return { ...NO_USAGE, sizes: { [size]: { ...UNUSED, requests: 1, latencies: addLatency({}, latencyMs) } } };
    }
    case 'read':
      return { ...NO_USAGE, autoBytes: event.bytes, autoBytesByXL: event.bytesByXL };
    case 'shown':
      return { ...NO_USAGE, sizes: { [event.size]: { ...UNUSED, shown: 1 } } };
    case 'accepted': {
      const { size, savedKeys, again } = event;
      return { ...NO_USAGE, sizes: again ? {} : { [size]: { ...UNUSED, accepted: 1 } }, savedKeys };
    }
  }
}

const UNUSED: SizeCounts = { requests: 0, shown: 0, accepted: 0, latencies: {} };

export function merge(a: UsageCounts, b: UsageCounts): UsageCounts {
  // A checkpoint names its sizes itself: "constructor" is a name like any other.
  const sizes = new Map(Object.entries(a.sizes));
  for (const [name, size] of Object.entries(b.sizes)) sizes.set(name, mergeSizes(sizes.get(name) ?? UNUSED, size));
  return {
    sizes: Object.fromEntries(sizes),
    savedKeys: a.savedKeys + b.savedKeys,
    autoBytes: a.autoBytes + b.autoBytes,
    autoBytesByXL: a.autoBytesByXL + b.autoBytesByXL,
  };
}

function mergeSizes(a: SizeCounts, b: SizeCounts): SizeCounts {
  return {
    requests: a.requests + b.requests,
    shown: a.shown + b.shown,
    accepted: a.accepted + b.accepted,
    latencies: mergeLatencies(a.latencies, b.latencies),
  };
}

/** The sum over all sizes. */
export function allSizes({ sizes }: UsageCounts): SizeCounts {
  return Object.values(sizes).reduce(mergeSizes, UNUSED);
}

/** Share of weight bytes that Auto saved compared with XL; negative if it read more; undefined if Auto chose nothing. */
export function savedShare({ autoBytes, autoBytesByXL }: UsageCounts): number | undefined {
  return autoBytesByXL > 0 ? 1 - autoBytes / autoBytesByXL : undefined;
}
