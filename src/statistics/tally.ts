import { addLatency, type Latencies, mergeLatencies } from './latencies';

/** What came of one size. */
export interface SizeTally {
  /** Decodes that were answered, with text or with none. */
  readonly requests: number;
  /** Suggestions that stood for `SEEN_MS`, or were accepted before. */
  readonly shown: number;
  /** Of those, the ones that were accepted, whole or in part. */
  readonly accepted: number;
  readonly latencies: Latencies;
}

/** What use came to in some time: counts alone, no text and no paths. */
export interface Tally {
  /** By the size's short name. */
  readonly sizes: Readonly<Record<string, SizeTally>>;
  /** Keys that accepting suggestions spared. */
  readonly savedKeys: number;
  /** Weight bytes read where the governor chose, and what XL would have read for the same: an energy proxy. */
  readonly autoBytes: number;
  readonly autoBytesByXL: number;
}

export const NOTHING: Tally = { sizes: {}, savedKeys: 0, autoBytes: 0, autoBytesByXL: 0 };

/** One thing that happened. */
export type Happening =
  | { readonly kind: 'answered'; readonly size: string; readonly latencyMs: number }
  | ({ readonly kind: 'read' } & Reading)
  | { readonly kind: 'shown'; readonly size: string }
  /** Accepted, whole or in part; `again` where an earlier part of the same suggestion was. */
  | { readonly kind: 'accepted'; readonly size: string; readonly savedKeys: number; readonly again: boolean };

/** Weight bytes of a decode that the governor chose the size of, whether or not its answer was shown. */
export interface Reading {
  readonly bytes: number;
  /** What XL would have read for the same; 0 for what is made only because the size was another. */
  readonly bytesByXL: number;
}

export function tallyOf(happening: Happening): Tally {
  switch (happening.kind) {
    case 'answered': {
      const { size, latencyMs } = happening;
      return { ...NOTHING, sizes: { [size]: { ...NO_SIZE, requests: 1, latencies: addLatency({}, latencyMs) } } };
    }
    case 'read':
      return { ...NOTHING, autoBytes: happening.bytes, autoBytesByXL: happening.bytesByXL };
    case 'shown':
      return { ...NOTHING, sizes: { [happening.size]: { ...NO_SIZE, shown: 1 } } };
    case 'accepted': {
      const { size, savedKeys, again } = happening;
      return { ...NOTHING, sizes: again ? {} : { [size]: { ...NO_SIZE, accepted: 1 } }, savedKeys };
    }
  }
}

const NO_SIZE: SizeTally = { requests: 0, shown: 0, accepted: 0, latencies: {} };

export function merge(a: Tally, b: Tally): Tally {
  const sizes: Record<string, SizeTally> = { ...a.sizes };
  for (const [name, size] of Object.entries(b.sizes)) sizes[name] = mergeSizes(sizes[name] ?? NO_SIZE, size);
  return {
    sizes,
    savedKeys: a.savedKeys + b.savedKeys,
    autoBytes: a.autoBytes + b.autoBytes,
    autoBytesByXL: a.autoBytesByXL + b.autoBytesByXL,
  };
}

function mergeSizes(a: SizeTally, b: SizeTally): SizeTally {
  return {
    requests: a.requests + b.requests,
    shown: a.shown + b.shown,
    accepted: a.accepted + b.accepted,
    latencies: mergeLatencies(a.latencies, b.latencies),
  };
}

/** All sizes together. */
export function allSizes({ sizes }: Tally): SizeTally {
  return Object.values(sizes).reduce(mergeSizes, NO_SIZE);
}

/** The share of weight bytes that choosing the size spared against XL, below 0 where it read more; undefined where nothing was chosen. */
export function savedShare({ autoBytes, autoBytesByXL }: Tally): number | undefined {
  return autoBytesByXL > 0 ? 1 - autoBytes / autoBytesByXL : undefined;
}
