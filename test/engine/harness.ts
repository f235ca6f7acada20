import { join } from 'node:path';
import type { NativeEngine, NativeEvent } from '../../src/engine/addon';
import { addonFiles, loadAddon } from '../../src/engine/loadAddon';
import type { DraftCounts, EndReason } from '../../src/engine/engine';
import { thisTarget } from '../../src/engine/target';

export const ROOT = join(__dirname, '..', '..');
export const addon = loadAddon(ROOT);
/** The file that `addon` was loaded from. */
export const ADDON_FILE = addonFiles(ROOT, thisTarget())[0]!;

export interface Generated {
  tokens: number[];
  probabilities: number[];
  memoryShares: number[];
  matchLengths: number[];
  reusedTokens: number;
  prefilledTokens: number;
  reason: EndReason;
  passes?: number;
  drafts?: DraftCounts;
}

export function generate(
  engine: NativeEngine,
  tokens: readonly number[],
  widths: readonly number[],
  maxTokens: number,
  options: {
    cacheKey?: number;
    stopTokens?: readonly number[];
    bannedFirstTokens?: readonly number[];
    usesMemory?: boolean;
    place?: { document: number; firstHiddenLine: number; lastHiddenLine: number };
    healingPrefix?: Uint8Array;
    expected?: readonly number[];
    draftTokens?: number;
    draftWidths?: readonly number[];
    draftAlways?: boolean;
    onToken?: (count: number, abort: () => void) => void;
  } = {},
): Promise<Generated> {
  return new Promise((resolve) => {
    const result: Generated = {
      tokens: [],
      probabilities: [],
      memoryShares: [],
      matchLengths: [],
      reusedTokens: -1,
      prefilledTokens: -1,
      reason: 'failed',
    };
    const request = {
      tokens: Int32Array.from(tokens),
      widths: Int32Array.from(widths),
      maxTokens,
      cacheKey: options.cacheKey ?? 0,
      stopTokens: Int32Array.from(options.stopTokens ?? []),
      bannedFirstTokens: Int32Array.from(options.bannedFirstTokens ?? []),
      usesMemory: options.usesMemory ?? false,
      ...options.place,
      healingPrefix: options.healingPrefix ?? new Uint8Array(),
      expected: Int32Array.from(options.expected ?? []),
      draftTokens: options.draftTokens ?? 0,
      draftWidths: Int32Array.from(options.draftWidths ?? []),
      draftAlways: options.draftAlways ?? false,
    };
    const handle = engine.generate(request, (event: NativeEvent) => {
      if (event.type === 'prefill') Object.assign(result, event);
      if (event.type === 'token') {
        result.tokens.push(event.token);
        result.probabilities.push(event.probability);
        result.memoryShares.push(event.memoryShare ?? 0);
        result.matchLengths.push(event.matchLength ?? 0);
        options.onToken?.(result.tokens.length, () => {
          handle.abort();
        });
      }
      if (event.type === 'end') {
        result.reason = event.reason;
        result.drafts = event;
        result.passes = event.passes;
        resolve(result);
      }
    });
  });
}

/** Logits after every token, [tokens, vocabulary]. */
export function logits(
  engine: NativeEngine,
  tokens: readonly number[],
  widths: readonly number[],
): Promise<Float32Array> {
  return new Promise((resolve, reject) => {
    let found: Float32Array | undefined;
    engine.logits(Int32Array.from(tokens), Int32Array.from(widths), (event) => {
      if (event.type === 'logits') found = event.logits;
      if (event.type === 'end') {
        if (found) resolve(found);
        else reject(new Error(event.message ?? event.reason));
      }
    });
  });
}

/** Root mean square of the difference, as a share of the expected values' standard deviation. */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  const n = expected.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += expected[i]! / n;
  let error = 0;
  let spread = 0;
  for (let i = 0; i < n; i++) {
    error += (found[i]! - expected[i]!) ** 2;
    spread += (expected[i]! - mean) ** 2;
  }
  return Math.sqrt(error / spread);
}
