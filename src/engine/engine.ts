/** The contract between backends and their callers. It imports no backend. */
import type { Cost } from '../matlm/submodel';
import type { MemoryPlace } from './memory';

/** One completion asked of the engine. Every option is declared here; each backend reads them in its own form. */
export interface GenerateRequest {
  /** Token ids of the whole prompt. Tokens that the cache still holds are not computed again. */
  readonly prompt: readonly number[];
  /** FFN width of each layer: the submodel. */
  readonly widths: readonly number[];
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
}

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
  /** Between the chunks of a long prefill: tells the watchdog that the engine does not hang. */
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

/** The end of a request that never ran. */
export function failed(message: string): GenerateEvent {
  return { type: 'end', reason: 'failed', decodedTokens: 0, passes: 0, decodeMs: 0, message };
}

/**
 * A fault that another backend would meet too, such as weights that overflow or a model that does not fit in memory.
 * Nothing falls back on another backend after it.
 */
export class FinalError extends Error {
  override readonly name = 'FinalError';
}

/** The backends: the native engine, and ONNX Runtime with each of its providers. */
export const BACKENDS = ['native', 'onnx-cpu', 'onnx-webgpu', 'onnx-cuda', 'onnx-coreml', 'onnx-dml'] as const;
export type Backend = (typeof BACKENDS)[number];

/** Whether a backend runs on a GPU or another accelerator, and not on the processor's cores. */
export function isOnGpu(backend: Backend): boolean {
  return backend !== 'native' && backend !== 'onnx-cpu';
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
  /** The backend that would be in use if other programs did not need the GPU. */
  readonly yielded?: BackendReason;
  /** The instruction set of the native engine's kernels; `onnx` for ONNX Runtime, which does not report one. */
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

/** An engine in this process. */
export interface LocalBackend extends Engine {
  /** The engine's description, with the measured cost of each size. */
  measure(): Promise<EngineInfo>;
  dispose(): void;
}

/** The prompt's tokens are prefilled in chunks of this many; an abort takes effect between two of them. As in forward.h. */
export const PREFILL_CHUNK = 64;
