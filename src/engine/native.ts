import { availableParallelism } from 'node:os';
import type { EngineCheckpoint } from '../matlm/checkpoint';
import {
  type Activations,
  type NativeEngine,
  type NativeEvent,
  type NativeMemory,
  type NativeRequest,
  numbersOf,
} from './addon';
import { AddonError, loadAddon } from './loadAddon';
import {
  type CachedText,
  type EndEvent,
  type EngineInfo,
  FinalError,
  type GenerateEvent,
  type GenerateRequest,
  type InTurn,
  type ScoreBound,
} from './engine';
import { measureCosts } from './measure';

/** Half of the hardware threads, at most four: a decode step is too short to share among more. */
export function defaultThreads(): number {
  return Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2)));
}

/** The native engine in this process: the reference for every other backend. */
export class LocalEngine {
  private readonly native: NativeEngine;
  private costs: EngineInfo['costs'] | undefined;

  /**
   * @param root the folder that holds the addon
   * @param threads 0 for the default
   * @param memory from `openMemory`
   * @throws {AddonError} if the addon does not load
   * @throws {FinalError} if the addon loads but refuses the model
   */
  constructor(
    root: string,
    private readonly checkpoint: EngineCheckpoint,
    threads = 0,
    private readonly memory?: NativeMemory,
  ) {
    const addon = loadAddon(root);
    try {
      this.native = new addon.Engine({
        weightsPath: checkpoint.weightsFile,
        tensors: checkpoint.tensors,
        config: checkpoint.config.model,
        tokenBytes: checkpoint.tokenizer.tokenBytes,
        threads: threads > 0 ? threads : defaultThreads(),
        memory,
      });
    } catch (error) {
      throw new FinalError((error as Error).message);
    }
  }

  generate(
    request: GenerateRequest,
    signal: AbortSignal,
    listener: (event: GenerateEvent) => void,
    memory = this.memory,
  ): void {
    const onAbort = () => {
      handle.abort();
    };
    const handle = this.native.generate(packed(request, memory), (event) => {
      if (event.type === 'logits' || event.type === 'scores' || event.type === 'activations') return;
      if (event.type === 'end') signal.removeEventListener('abort', onAbort);
      // It fails if weights overflow or memory is short, and no other backend needs less memory.
      const isFault = event.type === 'end' && event.reason === 'failed';
      listener(isFault ? { ...event, isFinal: true } : event);
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  }

  /**
   * Logits after each token from `first` on, [tokens - first, vocabulary]; discards the cache.
   * @param reusable so many tokens are not read if the cache holds them; then the logits begin after them
   */
  logits(tokens: readonly number[], widths: readonly number[], first = 0, reusable = 0): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      let found: Float32Array | undefined;
      const listener = (event: NativeEvent) => {
        if (event.type === 'logits') found = event.logits;
        if (event.type !== 'end') return;
        if (found) resolve(found.subarray(first * this.checkpoint.config.model.vocabularySize));
        else reject(new Error(event.message ?? event.reason));
      };
      this.native.logits(Int32Array.from(tokens), Int32Array.from(widths), listener, reusable);
    });
  }

  /**
   * Logits after each token that follows those at the beginning that the cache holds, [tokens - cached, vocabulary].
   * @throws {Error} if the cache holds fewer tokens
   */
  async logitsAfter(cached: number, tokens: readonly number[], widths: readonly number[]): Promise<Float32Array> {
    const found = await this.logits(tokens, widths, 0, cached);
    if (found.length === (tokens.length - cached) * this.checkpoint.config.model.vocabularySize) return found;
    throw new Error(`the cache does not hold the first ${cached} tokens`);
  }

  /** Tokens at the beginning of a prompt that its submodel need not read again. */
  async cachedTokens({ prompt, widths, cacheKey = 0 }: CachedText): Promise<number> {
    const request = { prompt, widths, cacheKey, maxTokens: 0, stopTokens: [] };
    const { cachedTokens = 0 } = await this.ended({ ...packed(request, undefined), looksUp: true });
    return cachedTokens;
  }

  /**
   * Continues from keys and values of another engine.
   * @param from the first of the prompt's tokens that they are of; the cache holds all before
   * @param keysAndValues float16, [layer, keys and values, token, kvHeads, headDim]
   */
  async copyIn({ prompt, widths, cacheKey = 0 }: CachedText, from: number, keysAndValues: Uint16Array): Promise<void> {
    const request = { prompt, widths, cacheKey, maxTokens: 0, stopTokens: [] };
    await this.ended({ ...packed(request, undefined), keysAndValues, importedFrom: from });
  }

  private ended(request: NativeRequest): Promise<EndEvent> {
    return new Promise((resolve, reject) => {
      this.native.generate(request, (event) => {
        if (event.type !== 'end') return;
        if (event.reason === 'stop') resolve(event);
        else reject(new Error(event.message ?? event.reason));
      });
    });
  }

  /**
   * How probable a text is: the natural logarithm of the probability of each token from `first` on, given all before it.
   * @param first 1 at least
   */
  logProbabilities(
    tokens: readonly number[],
    widths: readonly number[],
    first: number,
    signal: AbortSignal = NEVER,
  ): Promise<Float32Array> {
    return this.scores({ prompt: tokens, widths, maxTokens: 0, stopTokens: [] }, first, signal);
  }

  /**
   * The same, and what the memory says at each token.
   * @param request its prompt, submodel, suffix and place in the memory
   * @returns [tokens - first, SCORE_COLUMNS], or [tokens - first] if the request does not use the memory
   */
  scores(request: GenerateRequest, first: number, signal: AbortSignal = NEVER): Promise<Float32Array> {
    const options = { ...packed(request, this.memory), scoredFrom: first };
    return this.report(options, (event) => (event.type === 'scores' ? event.scores : undefined), signal);
  }

  /**
   * What the hidden units of the whole model do in a text; discards the cache. The result depends on neither the number of
   * threads nor the instruction set.
   */
  activations(tokens: readonly number[], signal: AbortSignal = NEVER): Promise<Activations> {
    const { layers, ffnSize } = this.checkpoint.config.model;
    const widths = Array<number>(layers).fill(ffnSize);
    const request = { prompt: tokens, widths, maxTokens: 0, stopTokens: [] };
    const options = { ...packed(request, undefined), gathersActivations: true };
    const take = (event: NativeEvent) =>
      event.type === 'activations' ? { mean: event.mean, square: event.square } : undefined;
    return this.report(options, take, signal);
  }

  /** The one event of a request that `take` returns something for. */
  private report<T>(
    options: NativeRequest,
    take: (event: NativeEvent) => T | undefined,
    signal: AbortSignal,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      let found: T | undefined;
      // It might be done before it could be aborted.
      if (signal.aborted) {
        reject(new Error('aborted'));
        return;
      }
      const handle = this.native.generate(options, (event) => {
        found ??= take(event);
        if (event.type !== 'end') return;
        signal.removeEventListener('abort', onAbort);
        if (found) resolve(found);
        else reject(new Error(event.message ?? event.reason));
      });
      const onAbort = () => {
        handle.abort();
      };
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  get processor(): this {
    return this;
  }

  /** The costs are measured once, whichever backends this engine serves. */
  async measure(inTurn?: InTurn): Promise<EngineInfo> {
    const costs = (this.costs ??= await measureCosts(this, this.checkpoint.config, inTurn));
    const { isa, threads, weightBytes, kvCacheBytes } = this.native;
    return { pid: process.pid, backend: 'native', rejected: [], isa, threads, weightBytes, kvCacheBytes, costs };
  }

  restore({ costs }: Pick<EngineInfo, 'costs'>): void {
    this.costs = costs;
  }

  forget(cacheKeys: readonly number[]): void {
    this.native.forget(Int32Array.from(cacheKeys));
  }

  dispose(kept?: LocalEngine): void {
    if (kept !== this) this.native.dispose();
  }
}

/**
 * A memory for a checkpoint, which several engines may share; undefined if the addon does not load or the checkpoint has
 * no gate.
 * @param root the folder that holds the addon
 * @throws {FinalError} if the addon refuses the gate or the vocabulary
 */
export function openMemory(root: string, { config, tokenizer }: EngineCheckpoint): NativeMemory | undefined {
  const { gate } = config;
  if (!gate) return undefined;
  const weights = (rows: readonly (readonly number[])[]) => Float32Array.from(rows.flat());
  try {
    const { Memory } = loadAddon(root);
    return new Memory({
      tokenBytes: tokenizer.tokenBytes,
      gate: { hidden: weights(gate.hidden), output: weights(gate.output) },
    });
  } catch (error) {
    if (error instanceof AddonError) return undefined;
    throw new FinalError((error as Error).message);
  }
}

const encoder = new TextEncoder();
const NEVER = new AbortController().signal;

/** A request in the form that the addon reads: numbers in typed arrays, and every option present. */
function packed(request: GenerateRequest, memory: NativeMemory | undefined): NativeRequest {
  const { prompt, widths, maxTokens, stopTokens, bannedFirstTokens, memory: place, expected, speculation } = request;
  const [suffixBegin, suffixEnd] = request.suffixAt ?? [0, 0];
  const [document, firstHiddenLine, lastHiddenLine] = numbersOf(place ?? {});
  return {
    tokens: Int32Array.from(prompt),
    suffixBegin,
    suffixEnd,
    scoredFrom: 0,
    widths: Int32Array.from(widths),
    cacheKey: request.cacheKey ?? 0,
    maxTokens,
    stopTokens: Int32Array.from(stopTokens),
    bannedFirstTokens: Int32Array.from(bannedFirstTokens ?? []),
    usesMemory: memory !== undefined && place !== undefined,
    memory,
    document,
    firstHiddenLine,
    lastHiddenLine,
    healingPrefix: encoder.encode(request.healingPrefix ?? ''),
    expected: Int32Array.from(expected ?? []),
    endsWithLine: request.endsWithLine ?? false,
    scoreBound: Float32Array.from(request.scoreBound ? weightsOf(request.scoreBound) : []),
    draftTokens: speculation?.maxTokens ?? 0,
    draftWidths: Int32Array.from(speculation?.widths ?? []),
    draftAlways: speculation?.always ?? false,
  };
}

/** In the order in which the addon reads them. */
function weightsOf({ constant, ofSum, ofMean, ofLeast, ofLogCount, ofMemorySum }: ScoreBound): number[] {
  return [constant, ofSum, ofMean, ofLeast, ofLogCount, ofMemorySum];
}
