import type { Cost } from '../matlm/submodel';
import type { DraftCounts, EndReason, Isa } from './addon';
import type { ScoreBound } from './scoreBound';
import type { Provider } from './onnx/runtime';

/** One completion asked of the engine. */
export interface GenerateRequest {
  /** Token ids of the whole prompt; what the cache still holds of it is not read again. */
  readonly prompt: readonly number[];
  /** FFN width of each layer: the submodel. */
  readonly widths: readonly number[];
  readonly maxTokens: number;
  /** Tokens that end the completion and are not reported. */
  readonly stopTokens: readonly number[];
  /** Tokens that are not chosen as the first: the end, where more is wanted than the model gave. */
  readonly bannedFirstTokens?: readonly number[];
  /**
   * Token healing: the end of the prompt's text, which `prompt` leaves out. The first tokens spell it, the last of them
   * and more maybe; their probabilities are among the tokens that do.
   */
  readonly healingPrefix?: string;
  /**
   * Copying from the context: after the longest earlier match of the last n tokens, the token that followed it has
   * the weight `copyWeights[n - 1]` and the model the rest. The look-up passes over tokens that spell nothing, such as
   * the mark before the middle. Without weights the model decides alone.
   */
  readonly copyWeights?: readonly number[];
  /**
   * Tokens that the answer probably begins with: those that would spell `healingPrefix` by themselves, or an answer from a
   * moment ago. They are drafted before all else, with or without `speculation`, and change the time only.
   */
  readonly expected?: readonly number[];
  /** Ends, reason `line`, after the first token that spells a line end beyond what is given back. */
  readonly endsWithLine?: boolean;
  /** Ends, reason `scoreBound`, after the first token beyond what is given back at which no longer answer could be even. */
  readonly scoreBound?: ScoreBound | undefined;
  /**
   * Speculative decoding: up to `maxTokens` (1 to 8) are drafted, copied from the context or written by the submodel
   * `widths`, and checked at once. It changes the time only, and the engine leaves it where it does not pay; `always`,
   * for tests and measurements, has it draft all the same.
   */
  readonly speculation?: { readonly widths: readonly number[]; readonly maxTokens: number; readonly always?: boolean };
}

export type GenerateEvent =
  | {
      readonly type: 'prefill';
      readonly reusedTokens: number;
      readonly prefilledTokens: number;
      readonly prefillMs: number;
    }
  | { readonly type: 'token'; readonly token: number; readonly probability: number }
  | ({
      readonly type: 'end';
      readonly reason: EndReason;
      readonly decodedTokens: number;
      /** Over the submodel's weights, after the prompt's: fewer than the tokens where drafts held. */
      readonly passes: number;
      readonly decodeMs: number;
      readonly message?: string;
    } & Partial<DraftCounts>);

/** The end of a request of which nothing was done. */
export function failed(message: string): GenerateEvent {
  return { type: 'end', reason: 'failed', decodedTokens: 0, passes: 0, decodeMs: 0, message };
}

/** What the model runs on: our own engine, or a provider of ONNX Runtime. */
export type Backend = 'native' | `onnx-${Provider}`;

/** Whether it runs on a graphics card or another accelerator, not on the processor's cores. */
export function isOnGpu(backend: Backend): boolean {
  return backend !== 'native' && backend !== 'onnx-cpu';
}

export interface EngineInfo {
  readonly pid: number;
  readonly backend: Backend;
  /** What would have been used before it, and why it is not. */
  readonly rejected: readonly { readonly backend: Backend; readonly reason: string }[];
  /** What would be used if others did not keep the card busy. */
  readonly yielded?: { readonly backend: Backend; readonly reason: string };
  /** Of the native engine; ONNX Runtime does not say. */
  readonly isa: Isa | 'onnx';
  readonly threads: number;
  readonly weightBytes: number;
  readonly kvCacheBytes: number;
  /** Measured when the engine started, by size. */
  readonly costs: Readonly<Record<string, Cost>>;
}

/** Something that completes token sequences: the engine in this process, or the client of one in another. */
export interface Engine {
  /**
   * Start a completion. `listener` hears a prefill event, the tokens, and one end event, which always comes, also
   * after an abort or when the engine dies.
   */
  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void;
}
