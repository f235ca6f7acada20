/** The contract between backends and their callers. It imports no backend. */
import type { Cost } from '../matlm/submodel';
import type { MemoryPlace } from './memory';

/**
 * What waits for a request, the most urgent first: the user, who asked by hand; the user, who types in the window that has
 * the keyboard; a window in the background; nobody yet, because it is speculative or read ahead; a measurement.
 */
export const URGENCIES = ['hand', 'focused', 'typing', 'ahead', 'measuring'] as const;
export type Urgency = (typeof URGENCIES)[number];

/** One completion asked of the engine. Every option is declared here; each backend reads them in its own form. */
export interface GenerateRequest {
  /** Token ids of the whole prompt. Tokens that the cache still holds are not computed again. */
  readonly prompt: readonly number[];
  /**
   * Where the prompt holds the text after the cursor, if it comes after the text before it: from an index on, before
   * another. The answer does not continue it, so matches are looked for as if it came first.
   */
  readonly suffixAt?: readonly [begin: number, end: number];
  /** FFN width of each layer: the submodel. */
  readonly widths: readonly number[];
  /** The document, a whole number: each has keys and values of its own, while memory lasts. 0 by default. */
  readonly cacheKey?: number;
  readonly maxTokens: number;
  /** Tokens that end the completion and are not reported. */
  readonly stopTokens: readonly number[];
  /** Tokens that must not come first, such as the end of text if the caller wants a longer answer. */
  readonly bannedFirstTokens?: readonly number[];
  /**
   * Token healing: the end of the prompt's text, which `prompt` leaves out. The first tokens must spell it, and the last
   * of them may spell more. Their probabilities are relative to the tokens that satisfy this.
   */
  readonly healingPrefix?: string;
  /**
   * What followed earlier matches of the text so far, in the prompt itself and in the memory, is mixed into each
   * prediction. Without this, or if the checkpoint has no gate, the model decides alone.
   */
  readonly memory?: MemoryPlace | undefined;
  /**
   * Tokens that the answer probably begins with: the usual spelling of `healingPrefix`, or an answer from a moment ago.
   * They are drafted before all else, with or without `speculation`. They change the time and never the answer.
   */
  readonly expected?: readonly number[];
  /** Ends, with the reason `line`, after the first token that spells a line end beyond the healing prefix. */
  readonly endsWithLine?: boolean;
  /**
   * Ends, with the reason `scoreBound`, after the first token beyond the healing prefix from which no continuation could
   * reach the required score.
   */
  readonly scoreBound?: ScoreBound | undefined;
  readonly speculation?: Speculation;
  /** An engine that several windows share serves the most urgent first. By default it is `typing`. */
  readonly urgency?: Urgency;
}

/** A prompt, whose keys and values a cache may hold. */
export type CachedText = Pick<GenerateRequest, 'prompt' | 'widths' | 'cacheKey'>;

/**
 * Speculative decoding: tokens are drafted, either after earlier matches or by a smaller submodel, and then
 * verified in one pass. It changes the time and never the answer. The engine drafts only if that saves time.
 */
export interface Speculation {
  /** FFN width of each layer of the drafting submodel. */
  readonly widths: readonly number[];
  /** Tokens drafted at once, 1 to 8. */
  readonly maxTokens: number;
  /** Drafts even if it does not save time: for tests and measurements. */
  readonly always?: boolean;
}

/**
 * The log odds that an answer is right, as a function of the log probabilities of its tokens: `constant`, and one weight
 * each for their sum, their mean, their minimum, the logarithm of their number, and the sum in which each counts by the share
 * that came from earlier matches. `ofSum`, `ofMean`, `ofSum + ofLeast`, and both sums together with `ofMemorySum`, are not
 * negative, so more certain tokens never lower the score.
 */
export interface ScoreBound {
  readonly constant: number;
  readonly ofSum: number;
  readonly ofMean: number;
  readonly ofLeast: number;
  readonly ofLogCount: number;
  readonly ofMemorySum: number;
}

export type EndReason = 'stop' | 'line' | 'scoreBound' | 'length' | 'context' | 'aborted' | 'failed';

/** Tokens that were drafted, and how many of them were accepted. */
export interface DraftCounts {
  copiedDrafts: number;
  copiedAccepted: number;
  writtenDrafts: number;
  writtenAccepted: number;
}

export type GenerateEvent =
  /** Between the chunks and the layers of a long prefill: tells the watchdog that the engine does not hang. */
  | { readonly type: 'progress'; readonly prefilledTokens: number }
  | {
      readonly type: 'prefill';
      readonly reusedTokens: number;
      readonly prefilledTokens: number;
      readonly prefillMs: number;
    }
  | {
      readonly type: 'token';
      readonly token: number;
      readonly probability: number;
      /** Of the probability, the part that came from earlier matches, 0 to 1; 0 or missing if the model decided alone. */
      readonly memoryShare?: number;
      /** Tokens of the longest earlier match of the text before it. */
      readonly matchLength?: number;
    }
  | ({
      readonly type: 'end';
      readonly reason: EndReason;
      readonly decodedTokens: number;
      /** Passes over the submodel's weights after the prefill: fewer than the tokens if drafts were accepted. */
      readonly passes: number;
      readonly decodeMs: number;
      /** Set if the prefill was aborted after it had begun: how many of the prompt's tokens the cache holds now. */
      readonly cachedTokens?: number;
      readonly message?: string;
      /** Set if the request failed and would fail on any backend, see `FinalError`. */
      readonly isFinal?: true;
    } & Partial<DraftCounts>);

export type EndEvent = Extract<GenerateEvent, { type: 'end' }>;

/** The end of a request that decoded nothing. */
export function ended(reason: EndReason, details: Partial<EndEvent> = {}): EndEvent {
  return { type: 'end', reason, decodedTokens: 0, passes: 0, decodeMs: 0, ...details };
}

/** The end of a request that never ran. */
export function failed(message: string): EndEvent {
  return ended('failed', { message });
}

/**
 * A fault that another backend would meet too, such as weights that overflow or a model that does not fit in memory.
 * Nothing falls back on another backend after it.
 */
export class FinalError extends Error {
  override readonly name = 'FinalError';
}

/**
 * The backends: the native engine; its counterpart on the GPU; both, of which the GPU reads prompts and the processor decodes; and
 * ONNX Runtime on the processor, if the addon does not load.
 */
export const BACKENDS = ['native', 'gpu', 'gpu-prefill', 'onnx-cpu'] as const;
export type Backend = (typeof BACKENDS)[number];

/** Whether a backend uses a GPU, and not the processor's cores alone. */
export function isOnGpu(backend: Backend): boolean {
  return backend === 'gpu' || backend === 'gpu-prefill';
}

/** A backend that is not in use, and why. */
export interface BackendReason {
  readonly backend: Backend;
  readonly reason: string;
}

export interface EngineInfo {
  readonly pid: number;
  readonly backend: Backend;
  /** Backends that would be preferred, but that failed. */
  readonly rejected: readonly BackendReason[];
  /** The backend that would be in use if the GPU were not left to others or, on battery, to rest. */
  readonly yielded?: BackendReason;
  /** The instruction set of the native engine's kernels; `webgpu` and `onnx` for those that report none. */
  readonly isa: string;
  readonly threads: number;
  readonly weightBytes: number;
  readonly kvCacheBytes: number;
  /** Measured when the engine started, by size. */
  readonly costs: Readonly<Record<string, Cost>>;
}

/** Something that completes token sequences: an engine in this process, or the client of one in another. */
export interface Engine {
  /**
   * Start a completion. `listener` receives any number of progress events, a prefill event, the tokens, and exactly one
   * end event. The end event always comes, also after an abort or a crash of the engine.
   */
  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void;
}

/**
 * Runs a piece of work alone, when its turn has come. The work calls `onStep` whenever it has come a step further, so that those
 * who wait for it know that it does not hang.
 */
export type InTurn = <Result>(work: (onStep: () => void) => Promise<Result>) => Promise<Result>;

/** Nobody else uses the engine, or waits for it. */
export const AT_ONCE: InTurn = (work) => work(() => undefined);

/** The prompt's tokens are prefilled in chunks of this many; an abort takes effect between two of them. As in forward.h. */
export const PREFILL_CHUNK = 64;
