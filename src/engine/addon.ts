import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { GpuState, ThermalState } from '../machine/state';
import type { ModelConfig } from '../matlm/config';
import type { TensorEntry } from '../matlm/safetensors';
import type { DraftCounts, EndEvent, GenerateEvent, GenerateRequest } from './engine';
import type { MemoryMatch, MemoryPlace, MemoryStats } from './memory';

/** Instruction sets with kernels in the engine. */
export type Isa = 'scalar' | 'avx2' | 'avxvnni' | 'avx512' | 'avx512vnni' | 'neon';

export interface NativeOptions {
  readonly weightsPath: string;
  readonly tensors: Readonly<Record<string, TensorEntry>>;
  readonly config: ModelConfig;
  readonly threads: number;
  /** The bytes of each token, none for a special token: needed if requests have a healing prefix. */
  readonly tokenBytes?: readonly Uint8Array[];
  /** The memory that requests may use. */
  readonly memory?: NativeMemory | undefined;
  /** Forces an instruction set. By default it is the fastest that runs here. */
  readonly isa?: Isa;
  /** Least time between two progress events of a prefill, 100 by default; 0 for one after each chunk but the last. */
  readonly progressIntervalMs?: number;
}

/** The addon reads numbers in typed arrays and text as UTF-8. */
type Packed<T> = T extends string ? Uint8Array : T extends readonly number[] ? Int32Array | Float32Array : T;
type PlainOptions = Omit<GenerateRequest, 'prompt' | 'memory' | 'scoreBound' | 'speculation'>;

/** A `GenerateRequest` in the addon's form: its options under their own names, except those listed here. */
export type NativeRequest = { readonly [K in keyof PlainOptions]: Packed<PlainOptions[K]> } & {
  /** `prompt`. */
  readonly tokens: Int32Array;
  /** `memory`: whether it is used; its document, -1 for none; its hidden lines, none if the last is before the first. */
  readonly usesMemory?: boolean;
  readonly document?: number;
  readonly firstHiddenLine?: number;
  readonly lastHiddenLine?: number;
  /** Empty, or the six numbers of a `ScoreBound` in the order of its declaration. */
  readonly scoreBound?: Float32Array;
  /** `speculation`: its `maxTokens` (0 for none), `widths` and `always`. */
  readonly draftTokens?: number;
  readonly draftWidths?: Int32Array;
  readonly draftAlways?: boolean;
};

export type NativeEvent =
  | Exclude<GenerateEvent, EndEvent>
  | (EndEvent & DraftCounts)
  | { readonly type: 'logits'; readonly logits: Float32Array };

/** The engine of the addon: one model, one cache, and a thread that serves requests in order. */
export interface NativeEngine {
  readonly isa: Isa;
  readonly threads: number;
  readonly weightBytes: number;
  readonly kvCacheBytes: number;
  generate(request: NativeRequest, listener: (event: NativeEvent) => void): { abort(): void };
  /** Logits after every token, [tokens, vocabulary]; discards the cache first. For tests. */
  logits(tokens: Int32Array, widths: Int32Array, listener: (event: NativeEvent) => void): void;
  dispose(): void;
}

/** The token that the engine would choose after some logits. */
export type NativeChoice = Omit<Extract<GenerateEvent, { readonly type: 'token' }>, 'type'>;

/** The memory of the addon: documents as token ids, in which the engine that has it looks for earlier matches. */
export interface NativeMemory {
  /** Add a document, or replace it. Rejects for a token that is not in the vocabulary. */
  set(document: number, tokens: Int32Array): Promise<void>;
  /** Nothing of the documents is found any more. */
  remove(documents: Int32Array): void;
  /** The longest match in the documents with the end of the tokens. */
  look(tokens: Int32Array, document: number, firstHiddenLine: number, lastHiddenLine: number): MemoryMatch;
  /**
   * The engine's choice, for backends that compute logits only.
   * @param text the tokens so far, without special ones
   */
  choose(
    logits: Float32Array,
    text: Int32Array,
    document: number,
    firstHiddenLine: number,
    lastHiddenLine: number,
    bannedTokens: Int32Array,
    healingPrefix: Uint8Array,
  ): NativeChoice;
  readonly stats: MemoryStats;
}

/** A place in the form that the addon reads: the document, or -1, and the first and the last hidden line. */
export function numbersOf({ document = -1, hiddenLines = [0, -1] }: MemoryPlace): [number, number, number] {
  return [document, ...hiddenLines];
}

export interface NativeMemoryOptions {
  /** [vocabulary] the bytes of each token, none for a special token. */
  readonly tokenBytes: readonly Uint8Array[];
  /** Its weights, row by row. */
  readonly gate: { readonly hidden: Float32Array; readonly output: Float32Array };
}

/** The result of one sensor: a value and its source, or no value and the reason. */
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
  /** The folder that holds `sys` and `proc`: `/` except in tests. */
  readonly root?: string;
  /** Name or path of NVIDIA's management library; empty for none. */
  readonly nvml?: string;
}

/** The machine's sensors, of the addon. */
export interface NativeSensors {
  /** One reading now. Throws while the sensors are watched. */
  read(): NativeReading;
  /**
   * A reading at once, then one at each interval and at each change that the system announces. A separate thread takes
   * them, which does not keep the process alive.
   */
  watch(intervalMs: number, listener: (reading: NativeReading) => void): void;
  close(): void;
}

export interface NativeAddon {
  readonly Engine: new (options: NativeOptions) => NativeEngine;
  readonly Memory: new (options: NativeMemoryOptions) => NativeMemory;
  readonly Sensors: new (options?: SensorOptions) => NativeSensors;
  /** Fastest first. */
  readonly supportedIsas: readonly Isa[];
  /** Tokens of a prompt that are read together. */
  readonly prefillChunkTokens: number;
}

/** The addon is missing or does not load. The message names every path tried, the fault and the remedy. */
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
