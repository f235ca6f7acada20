import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { GpuState, ThermalState } from '../machine/state';
import type { ModelConfig } from '../matlm/config';
import type { TensorEntry } from '../matlm/safetensors';

/** Instruction sets the engine has kernels for. */
export type Isa = 'scalar' | 'avx2' | 'avxvnni' | 'avx512' | 'avx512vnni' | 'neon';

export interface NativeOptions {
  readonly weightsPath: string;
  readonly tensors: Readonly<Record<string, TensorEntry>>;
  readonly config: ModelConfig;
  readonly threads: number;
  /** The bytes of each token, empty for marks: needed where a request gives text back. */
  readonly tokenBytes?: readonly Uint8Array[];
  /** Forces one; by default the fastest that runs here. */
  readonly isa?: Isa;
}

export interface NativeRequest {
  readonly tokens: Int32Array;
  /** FFN width of each layer. */
  readonly widths: Int32Array;
  readonly maxTokens: number;
  /** Tokens that end the completion and are not reported. */
  readonly stopTokens: Int32Array;
  /** Tokens that are not chosen as the first. */
  readonly bannedFirstTokens?: Int32Array;
  /** Weight of the token that followed the longest earlier match, by its length from 1. */
  readonly copyWeights?: Float32Array;
  /** UTF-8 that the first tokens have to spell: the end of the prompt's text, given back. */
  readonly healingPrefix?: Uint8Array;
  /** What the answer probably begins with: drafted at once, with the end of the prompt. */
  readonly expected?: Int32Array;
  /** Ends after the first token that spells a line end beyond what is given back. */
  readonly endsWithLine?: boolean;
  /** [5] of the scoreBound that an answer has to have a chance of reaching: constant, and weights in the order of `ScoreBound`. */
  readonly scoreBound?: Float32Array;
  /** Speculative decoding: at most so many tokens (0 to 8) are drafted at once; 0 or absent for none. */
  readonly draftTokens?: number;
  /** The submodel that drafts where nothing in the context matches; no wider than `widths` in any layer. */
  readonly draftWidths?: Int32Array;
  /** Draft as much as allowed, whether it pays or not: for tests and measurements. */
  readonly draftAlways?: boolean;
}

/** What drafts came to: tokens copied from the context or written by a submodel, and how many of them held. */
export interface DraftCounts {
  copiedDrafts: number;
  copiedAccepted: number;
  writtenDrafts: number;
  writtenAccepted: number;
}

export type EndReason = 'stop' | 'line' | 'scoreBound' | 'length' | 'context' | 'aborted' | 'failed';

export type NativeEvent =
  | { type: 'prefill'; reusedTokens: number; prefilledTokens: number; prefillMs: number }
  | { type: 'token'; token: number; probability: number }
  | { type: 'logits'; logits: Float32Array }
  | ({
      type: 'end';
      reason: EndReason;
      decodedTokens: number;
      /** Over the submodel's weights, after the prompt's. */
      passes: number;
      decodeMs: number;
      message?: string;
    } & DraftCounts);

/** The engine of the addon: one model, one cache, requests served in order on a thread of its own. */
export interface NativeEngine {
  readonly isa: Isa;
  readonly threads: number;
  readonly weightBytes: number;
  readonly kvCacheBytes: number;
  generate(request: NativeRequest, listener: (event: NativeEvent) => void): { abort(): void };
  /** Logits after every token, [tokens, vocabulary]; forgets the cache first. For tests. */
  logits(tokens: Int32Array, widths: Int32Array, listener: (event: NativeEvent) => void): void;
  dispose(): void;
}

/** What one sensor found: a value and where it came from, or no value and why. */
export interface Sensed<T> {
  readonly value?: T;
  readonly note: string;
}

/** One reading of the addon's sensors; units and meanings as in MachineState. */
export interface NativeReading {
  readonly powerSource: Sensed<'mains' | 'battery'>;
  readonly chargeShare: Sensed<number>;
  readonly dischargeWatts: Sensed<number>;
  readonly lowPower: Sensed<boolean>;
  readonly thermal: Sensed<Exclude<ThermalState, 'unknown'>>;
  readonly cpuBusyByOthersShare: Sensed<number>;
  readonly cpuPressureShare: Sensed<number>;
  readonly gpu: Sensed<GpuState>;
  readonly energyJoules: Sensed<number>;
}

export interface SensorOptions {
  /** The folder that holds `sys` and `proc`: another than `/` for tests. */
  readonly root?: string;
  /** NVIDIA's management library, a name or a path; empty for none. */
  readonly nvml?: string;
}

/** The machine's sensors, of the addon. */
export interface NativeSensors {
  /** One reading, here and now. Throws while they are watched. */
  read(): NativeReading;
  /**
   * A reading at once, then at each change that the system announces, and else once an interval; taken on a thread of
   * its own. Does not keep the process alive.
   */
  watch(intervalMs: number, listener: (reading: NativeReading) => void): void;
  close(): void;
}

export interface NativeAddon {
  readonly Engine: new (options: NativeOptions) => NativeEngine;
  readonly Sensors: new (options?: SensorOptions) => NativeSensors;
  /** Fastest first. */
  readonly supportedIsas: readonly Isa[];
  /** Tokens of a prompt that are read together. */
  readonly prefillChunkTokens: number;
}

/** The addon is missing or does not load. The message names every path tried, the fault and what to do. */
export class AddonError extends Error {
  override readonly name = 'AddonError';
}

const FILE = 'matcoder_engine.node';

/**
 * Load the native engine: one built here, otherwise the prebuilt one for this platform.
 * @param root the folder that holds `prebuilds/` and `native/`
 */
export function loadAddon(root: string): NativeAddon {
  const platform = `${process.platform}-${process.arch}`;
  const candidates = [join(root, 'native', 'build', 'Release', FILE), join(root, 'prebuilds', platform, FILE)];
  const file = candidates.find((candidate) => existsSync(candidate));
  if (file === undefined) {
    throw new AddonError(
      `The native engine for ${platform} is missing: looked at ${candidates.join(' and ')}. ` +
        'Install the extension package for this platform, or run `npm run build` in the source folder.',
    );
  }
  try {
    return createRequire(join(root, 'package.json'))(file) as NativeAddon;
  } catch (error) {
    throw new AddonError(
      `${file}: the native engine does not load (${(error as Error).message.split('\n')[0] ?? ''}). ` +
        'Reinstall the extension, or run `npm run build` in the source folder.',
    );
  }
}
