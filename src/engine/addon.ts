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
  /** Bound of the keys and values of all documents together, but for the one in use; 256 MiB by default. */
  readonly cacheBytes?: number;
  /** Tokens that drafts choose from if the vocabulary has more than twice as many, 16,384 by default; 0 for all. */
  readonly draftRows?: number;
  /** Least time between two progress events of a prefill, 100 by default; 0 for one after each layer and each chunk but the last. */
  readonly progressIntervalMs?: number;
}

/** The addon reads numbers in typed arrays and text as UTF-8. */
type Packed<T> = T extends string ? Uint8Array : T extends readonly number[] ? Int32Array | Float32Array : T;
type PlainOptions = Omit<GenerateRequest, 'prompt' | 'suffixAt' | 'memory' | 'scoreBound' | 'speculation' | 'urgency'>;

/** A `GenerateRequest` in the addon's form: its options under their own names, except those listed here. */
export type NativeRequest = { readonly [K in keyof PlainOptions]: Packed<PlainOptions[K]> } & {
  /** `prompt`. */
  readonly tokens: Int32Array;
  /** `suffixAt`; both are 0 if it is missing. */
  readonly suffixBegin?: number;
  readonly suffixEnd?: number;
  /** If it is not 0: nothing is decoded, and a `scores` event reports on every token from this one on. */
  readonly scoredFrom?: number;
  /**
   * Nothing is decoded, and an `activations` event reports on the feed-forward blocks of the whole model. It discards the
   * cache of the document.
   */
  readonly gathersActivations?: boolean;
  /** Nothing is decoded: `cachedTokens` of the end event says how many tokens of the prompt the cache holds. */
  readonly looksUp?: boolean;
  /**
   * Keys and values of the tokens from `importedFrom` on, float16 as [layer, keys and values, token, kvHeads, headDim]: they are put
   * into the cache, which must hold all tokens before, and nothing is decoded.
   */
  readonly keysAndValues?: Uint16Array;
  readonly importedFrom?: number;
  /** `memory`: whether it is used; its document, -1 for none; its hidden lines, none if the last is before the first. */
  readonly usesMemory?: boolean;
  /** The memory of this request; by default the one that the engine was opened with. */
  readonly memory?: NativeMemory | undefined;
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
  | { readonly type: 'logits'; readonly logits: Float32Array }
  | {
      readonly type: 'scores';
      /** [tokens] log probabilities; if the request uses the memory, [tokens, SCORE_COLUMNS]. */
      readonly scores: Float32Array;
    }
  | ({ readonly type: 'activations' } & Activations);

/**
 * The hidden units of the feed-forward blocks over a text, [layers * ffnSize]: the mean over its tokens of the activation
 * silu(gate) * up, the input of `down`, and of its square.
 */
export interface Activations {
  readonly mean: Float64Array;
  readonly square: Float64Array;
}

/** The log probability, the share of each of four kinds of matches (-1 if there is none), and the inputs of the gate. */
export const SCORE_COLUMNS = 1 + 4 + 29;

/** The engine of the addon: one model, one cache, and a thread that serves requests in order. */
export interface NativeEngine {
  readonly isa: Isa;
  readonly threads: number;
  readonly weightBytes: number;
  readonly kvCacheBytes: number;
  generate(request: NativeRequest, listener: (event: NativeEvent) => void): { abort(): void };
  /**
   * Logits after every token that is read, [tokens, vocabulary].
   * @param reusableTokens so many need not be read if the cache holds them; 0 by default
   */
  logits(tokens: Int32Array, widths: Int32Array, listener: (event: NativeEvent) => void, reusableTokens?: number): void;
  /** Free the keys and values of documents. */
  forget(cacheKeys: Int32Array): void;
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

/** Forms of a checkpoint's tensors: float32, or 8 or 4 bits in groups of 32 columns, `4min` with a minimum for each group. */
export type WeightForm = 'float' | '8' | '4' | '4min';

/** Some rows of a tensor that become rows of a checkpoint. The arrays must not change until the promise settles. */
export interface NativeConversion {
  /** A type of GGML, such as Q4_K. */
  readonly type: string;
  readonly form: WeightForm;
  readonly rows: number;
  /** Columns. */
  readonly k: number;
  /** Rows of a head, if the source has the two halves of each head's rows interleaved; 0 otherwise. */
  readonly headRows: number;
  readonly source: Uint8Array;
  /** Filled by the addon, as long as the form needs. Those that it does not need are empty. */
  readonly values: Uint8Array;
  readonly scales: Uint8Array;
  readonly minimums: Uint8Array;
}

/** How far a result is from its source: sums of squares. */
export interface NativeLoss {
  readonly squaredError: number;
  /** Of the source. */
  readonly squaredSum: number;
}

/**
 * Rows of a matrix whose columns take another order. The arrays must not change until the promise settles, and those of the
 * result are not those of the source.
 */
export interface NativePermutation {
  /** Of the source: `rows` is int8 with one scale for each row, the others as they are in a conversion. */
  readonly form: 'rows' | WeightForm;
  readonly rows: number;
  /** Columns. */
  readonly k: number;
  /** [k] for each column of the result, its column in the source. */
  readonly order: Int32Array;
  /** As the form has them; the scales of `rows` stay the same and are not given. Those that it does not need are empty. */
  readonly source: Uint8Array;
  readonly sourceScales: Uint8Array;
  readonly sourceMinimums: Uint8Array;
  /**
   * Filled by the addon. `rows` and `float` keep their form and every value. `8`, `4` and `4min` become `8`, because the
   * columns of a group share a scale: int8 values and a float16 scale for each group, which is empty for the other two.
   */
  readonly values: Uint8Array;
  readonly scales: Uint8Array;
}

/** The shape of an encoder, for the addon. The vocabulary counts if there is no picture. */
export interface NativeEncoderConfig extends ModelConfig {
  /** Whether a position attends to those before it only. */
  readonly isCausal: boolean;
  /** Whether the last position stands for the input; otherwise the mean of all does. */
  readonly poolsLast: boolean;
  /** Numbers of an embedding. */
  readonly embeddingSize: number;
  /** Tokens or patches of one input. */
  readonly maxInput: number;
  /** Missing if the input is tokens: pixels of a side, of a patch's side, and bytes of a pixel. */
  readonly picture?: { readonly size: number; readonly patch: number; readonly channels: number };
}

export interface NativeEncoderOptions {
  readonly weightsPath: string;
  readonly tensors: Readonly<Record<string, TensorEntry>>;
  readonly config: NativeEncoderConfig;
  readonly threads: number;
  /** Forces an instruction set. By default it is the fastest that runs here. */
  readonly isa?: Isa;
}

/** Embeddings that are being computed. */
export interface NativeEmbedding {
  /** [inputs, embeddingSize], each of length 1. Rejects with an `AbortError` if it was aborted. */
  readonly result: Promise<Float32Array>;
  /** Ends it within milliseconds. */
  readonly abort: () => void;
}

/** An encoder of the addon, and a thread that serves requests in order. Its memory does not depend on the requests. */
export interface NativeEncoder {
  readonly isa: Isa;
  readonly threads: number;
  readonly weightBytes: number;
  /**
   * Throws a RangeError for an input without tokens or with more than `maxInput`, and for a token that is not in the vocabulary.
   * @param tokens of all inputs, one after the other
   * @param ends [inputs] where each ends in `tokens`
   * @param widths [layers] of the submodel: any multiples of 32 up to `ffnSize`; 0 skips a layer
   */
  embedTokens(tokens: Int32Array, ends: Int32Array, widths: Int32Array): NativeEmbedding;
  /** The same for pictures. @param pixels [pictures, size, size, channels] */
  embedPictures(pixels: Uint8Array, widths: Int32Array): NativeEmbedding;
  /** Ends what is being computed, and frees the weights. */
  dispose(): void;
}

/**
 * Vectors by their ids, for searches that compare the query with each of them. A vector is stored as int8 numbers. Only its
 * direction counts, so they need no scale.
 */
export interface NativeVectorIndex {
  readonly size: number;
  /** Of memory. */
  readonly bytes: number;
  /** Add a vector for each id, or replace it. @param vectors [ids, dimensions], of any length, all numbers finite */
  set(ids: Int32Array, vectors: Float32Array): void;
  /** Ids that are not there are left out. */
  remove(ids: Int32Array): void;
  /**
   * The vectors with the largest cosine to the query, the best first; of equal ones, those with the lowest ids. On another
   * thread.
   * @param prefix compare only so many dimensions; one of the index's prefixes, all dimensions by default
   */
  search(query: Float32Array, count: number, prefix?: number): Promise<{ ids: Int32Array; scores: Float32Array }>;
  /** All vectors in the order of their ids, for a file. */
  export(): NativeVectors;
  /** As `set`, with the numbers of an export. */
  import(ids: Int32Array, values: Int8Array): void;
}

export interface NativeVectors {
  readonly ids: Int32Array;
  /** [ids, dimensions] */
  readonly values: Int8Array;
}

export interface NativeAddon {
  readonly Engine: new (options: NativeOptions) => NativeEngine;
  readonly Encoder: new (options: NativeEncoderOptions) => NativeEncoder;
  /**
   * @param dimensions of a vector, a multiple of 16
   * @param prefixes lengths that searches can compare, multiples of 16 in ascending order; the last is `dimensions`
   */
  readonly VectorIndex: new (dimensions: number, prefixes: Int32Array, isa?: Isa) => NativeVectorIndex;
  readonly Memory: new (options: NativeMemoryOptions) => NativeMemory;
  readonly Sensors: new (options?: SensorOptions) => NativeSensors;
  /** Converts on another thread. Rejects for a value that is not finite; throws for arrays of other lengths. */
  convertRows(conversion: NativeConversion): Promise<NativeLoss>;
  /**
   * Puts columns in another order, on another thread. The loss is 0 of 0 if every value was kept. Throws if `order` is no
   * permutation of the columns, and for arrays of other lengths; rejects for a weight that is not finite and would be
   * quantised again.
   */
  permuteColumns(permutation: NativePermutation): Promise<NativeLoss>;
  /** Whole blocks as float32, on this thread. */
  dequantise(type: string, bytes: Uint8Array): Float32Array;
  /**
   * If the program that runs this refuses an ArrayBuffer over memory that V8 has not allocated, as Electron does, a loaded library gets
   * copies from now on. What is written to a copy is lost. Nothing changes in a program that refuses none. Throws if the library
   * cannot be changed.
   */
  copyRefusedMemory(libraryFile: string): void;
  /** Fastest first. */
  readonly supportedIsas: readonly Isa[];
  /** Tokens of a prompt that are read together. */
  readonly prefillChunkTokens: number;
}
