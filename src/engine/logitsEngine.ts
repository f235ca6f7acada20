import type { NativeChoice, NativeMemory } from './addon';
import {
  type CachedText,
  type EndEvent,
  type EndReason,
  type EngineInfo,
  type GenerateEvent,
  type GenerateRequest,
  type InTurn,
} from './engine';
import type { LocalBackend } from './localBackend';
import { type ChunkLimits, ChunkSize } from './chunkSize';
import { measureCosts } from './measure';
import { RequestQueue } from './requestQueue';
import type { EngineCheckpoint } from '../matlm/checkpoint';
import { decidesAlone, decodeInSteps, type StepDecoder } from './gpu/decodeInSteps';
import { decode, type Decoding, noDrafts } from './stepwise/decode';
import { SequenceCache } from './stepwise/sequenceCache';
import { MAX_DRAFT, Speculator } from './stepwise/speculator';

/** A model that computes logits, and keeps keys and values of one text, or of each document. */
export interface LogitsModel {
  /** For faults: what computes. */
  readonly name: string;
  /** Of the tokens of a prompt that are read at once. An abort takes effect between two such chunks. */
  readonly chunkLimits: ChunkLimits;
  /**
   * Reads tokens after `position` tokens that the cache holds.
   * @param rows the places among the tokens, one after the other, whose logits are wanted
   * @returns logits after those, [rows, vocabulary]
   */
  read(
    tokens: readonly number[],
    position: number,
    widths: readonly number[],
    rows: readonly number[],
  ): Promise<Float32Array>;
  /**
   * Chooses several tokens, each the likeliest after the one before, if the model can do that faster than one by one.
   * @param token the last one of the text, after `position` tokens that the cache holds
   */
  readonly decodeSteps?: (
    token: number,
    position: number,
    widths: readonly number[],
    steps: number,
  ) => Promise<readonly NativeChoice[]>;
  /** Keys and values of positions as float16, [layer, keys and values, position, kvHeads, headDim], if they can be copied. */
  readonly keysAndValues?: (begin: number, end: number) => Promise<Uint16Array>;
  /**
   * Makes the keys and values of a document those that are read and written. Without it there is one text.
   * @returns the documents of which there are any
   */
  readonly useDocument?: (cacheKey: number) => Promise<readonly number[]>;
  readonly forget?: (cacheKeys: readonly number[]) => Promise<void>;
  describe(): Promise<Pick<EngineInfo, 'backend' | 'isa' | 'threads' | 'weightBytes' | 'kvCacheBytes'>>;
  /** When the running request has ended. */
  dispose(): void | Promise<void>;
}

/**
 * A model that computes logits only, behind the same interface as the native engine and with the same rules: prefix reuse
 * on one cache of a document for all submodels, greedy and speculative decoding, the memory of the workspace, abort between passes.
 */
export class LogitsEngine implements LocalBackend {
  /** What the model holds of each document, and of the one that is in use. */
  private readonly caches = new Map<number, SequenceCache>();
  private cache = new SequenceCache();
  /** By the widths of target and draft. */
  private readonly speculators = new Map<string, Speculator>();
  /** By the widths of a submodel, because a token of a large one takes longer. */
  private readonly chunkSizes = new Map<string, ChunkSize>();
  private readonly queue = new RequestQueue();
  private isDisposed = false;

  /** @param memory from `openMemory` */
  constructor(
    private readonly checkpoint: EngineCheckpoint,
    private readonly model: LogitsModel,
    private readonly memory?: NativeMemory,
  ) {}

  generate(
    request: GenerateRequest,
    signal: AbortSignal,
    listener: (event: GenerateEvent) => void,
    memory = this.memory,
  ): void {
    this.check(
      request.prompt,
      request.widths,
      [...(request.bannedFirstTokens ?? []), ...(request.expected ?? [])],
      request.healingPrefix,
    );
    this.checkSpeculation(request);
    this.queue.request(signal, listener, async () => {
      const done = { tokens: 0, passes: 0, ...noDrafts() };
      let startMs = performance.now();
      const end = (reason: EndReason, details: Partial<EndEvent> = {}): EndEvent => {
        const { tokens: decodedTokens, ...counts } = done;
        const decodeMs = decodedTokens > 0 ? performance.now() - startMs : 0;
        return { type: 'end', reason, decodedTokens, decodeMs, ...counts, ...details };
      };
      const isAborted = () => signal.aborted || this.isDisposed;
      try {
        await this.useDocument(request.cacheKey);
        const logits = await this.prompt(request, isAborted, listener);
        startMs = performance.now();
        if (!logits) return end('aborted', { cachedTokens: this.cache.length });
        return end(await this.decode({ request, memory, logits, isAborted, listener, done }));
      } catch (error) {
        // The content of the cache is unknown after a fault.
        this.cache.truncate(0);
        return end('failed', { message: (error as Error).message });
      }
    });
  }

  /**
   * Logits after the tokens from `first` on, [tokens - first, vocabulary]; discards the cache. The tokens
   * before `first` are read in chunks, as a prompt, and the others one by one, as in decoding.
   */
  async logits(tokens: readonly number[], widths: readonly number[], first: number): Promise<Float32Array> {
    this.check(tokens, widths);
    return this.queue.run(async () => {
      await this.useDocument();
      this.cache.truncate(0);
      const rows: Float32Array[] = [await this.prefill(tokens.slice(0, first + 1), widths, undefined)];
      for (let i = first + 1; i < tokens.length; i++) rows.push(await this.read(tokens.slice(i, i + 1), widths, [0]));
      const all = new Float32Array(rows.length * this.checkpoint.config.model.vocabularySize);
      for (const [i, row] of rows.entries()) all.set(row, i * row.length);
      return all;
    });
  }

  /**
   * Reads tokens, as many as the cache lacks, and copies their keys and values for an engine that continues from them.
   * @param begin position of the first that is copied
   * @param onProgress hears after each chunk how many tokens the cache holds
   * @returns as `LogitsModel.keysAndValues`; undefined if it was aborted between two chunks
   */
  readAndCopy(
    { prompt, widths, cacheKey }: CachedText,
    begin: number,
    isAborted: () => boolean = () => false,
    onProgress: (cachedTokens: number) => void = () => undefined,
  ): Promise<Uint16Array | undefined> {
    const { keysAndValues } = this.model;
    if (!keysAndValues) throw new Error(`${this.model.name} has no keys and values that can be copied`);
    this.check(prompt, widths);
    return this.queue.run(async () => {
      try {
        await this.useDocument(cacheKey);
        this.cache.truncate(this.cache.reusable(prompt, widths));
        const before = this.cache.length;
        const hasEnded = () => this.isDisposed || isAborted();
        await this.prefill(prompt, widths, hasEnded, (prefilled) => {
          onProgress(before + prefilled);
        });
        return hasEnded() ? undefined : await keysAndValues(begin, prompt.length);
      } catch (error) {
        this.cache.truncate(0);
        throw error;
      }
    });
  }

  /** Tokens at the beginning of a text that need not be read again. */
  cachedTokens({ prompt, widths, cacheKey = 0 }: CachedText): number {
    const cache = this.model.useDocument ? this.caches.get(cacheKey) : this.cache;
    return cache?.reusable(prompt, widths) ?? 0;
  }

  describe(): ReturnType<LogitsModel['describe']> {
    return this.model.describe();
  }

  async measure(inTurn?: InTurn): Promise<EngineInfo> {
    // A model that opens and compiles now needs no turn: requests on another engine go on meanwhile.
    await this.describe();
    const costs = await measureCosts(this, this.checkpoint.config, inTurn);
    return { pid: process.pid, rejected: [], ...(await this.describe()), costs };
  }

  forget(cacheKeys: readonly number[]): void {
    void this.queue.run(async () => {
      for (const key of cacheKeys) this.caches.delete(key);
      await this.model.forget?.(cacheKeys);
    });
  }

  private async useDocument(cacheKey = 0): Promise<void> {
    const kept = await this.model.useDocument?.(cacheKey);
    if (!kept) return;
    // The model drops keys and values that take too much memory, also of the document that is wanted now.
    for (const key of this.caches.keys()) if (!kept.includes(key)) this.caches.delete(key);
    this.cache = this.caches.get(cacheKey) ?? new SequenceCache();
    this.caches.set(cacheKey, this.cache);
  }

  /** Ends waiting requests. The model is disposed of when the running request has ended. */
  dispose(): void {
    this.isDisposed = true;
    void this.queue.run(async () => {
      await this.model.dispose();
    });
  }

  whenClosed(): Promise<void> {
    return this.queue.run(() => Promise.resolve());
  }

  /** Fills the cache with the request's prompt. @returns the logits after it; undefined if it was aborted */
  private async prompt(
    { prompt, widths }: GenerateRequest,
    isAborted: () => boolean,
    listener: (event: GenerateEvent) => void,
  ): Promise<Float32Array | undefined> {
    const startMs = performance.now();
    // The last token always runs, because its logits are wanted.
    const reusedTokens = Math.min(this.cache.reusable(prompt, widths), prompt.length - 1);
    this.cache.truncate(reusedTokens);
    const logits = await this.prefill(prompt, widths, isAborted, (prefilledTokens) => {
      listener({ type: 'progress', prefilledTokens });
    });
    if (isAborted()) return undefined;
    const prefillMs = performance.now() - startMs;
    listener({ type: 'prefill', reusedTokens, prefilledTokens: prompt.length - reusedTokens, prefillMs });
    return logits;
  }

  private decode(
    part: Pick<Decoding, 'request' | 'memory' | 'logits' | 'isAborted' | 'listener' | 'done'>,
  ): Promise<EndReason> {
    const { config, tokenizer } = this.checkpoint;
    const rest = { ...part, tokenBytes: tokenizer.tokenBytes, contextLength: config.model.contextLength };
    const truncate = (length: number) => {
      this.cache.truncate(length);
    };
    const { decodeSteps } = this.model;
    if (decodeSteps && decidesAlone(part)) return decodeInSteps({ decode: this.inSteps(decodeSteps), truncate }, rest);
    const { widths, speculation } = part.request;
    const pair = `${widths.join()} ${speculation?.widths.join() ?? ''}`;
    const speculator = this.speculators.get(pair) ?? new Speculator();
    this.speculators.set(pair, speculator);
    const read = (tokens: readonly number[], widths: readonly number[]) =>
      this.read(tokens, widths, [...tokens.keys()]);
    return decode({ read, truncate }, { ...rest, speculator });
  }

  private inSteps(decodeSteps: NonNullable<LogitsModel['decodeSteps']>): StepDecoder['decode'] {
    return async (token, widths, steps) => {
      const choices = await decodeSteps(token, this.cache.length, widths, steps);
      this.cache.append([token, ...choices.slice(0, -1).map((choice) => choice.token)], widths);
      if (!choices.every(({ probability }) => Number.isFinite(probability))) throw this.notNumbers();
      return choices;
    };
  }

  private notNumbers(): Error {
    return new Error(`${this.model.name} computed logits that are not numbers`);
  }

  /** Logits after the last of `tokens`. The cache holds the first few of them already. */
  private async prefill(
    tokens: readonly number[],
    widths: readonly number[],
    isAborted: (() => boolean) | undefined,
    onProgress: (prefilledTokens: number) => void = () => undefined,
  ): Promise<Float32Array> {
    const before = this.cache.length;
    const size = this.chunkSizes.get(widths.join()) ?? new ChunkSize(this.model.chunkLimits);
    this.chunkSizes.set(widths.join(), size);
    let logits: Float32Array = new Float32Array();
    while (this.cache.length < tokens.length && !isAborted?.()) {
      const chunk = tokens.slice(this.cache.length, this.cache.length + size.tokens);
      const startMs = performance.now();
      logits = await this.read(chunk, widths, [chunk.length - 1]);
      size.took(chunk.length, performance.now() - startMs);
      if (this.cache.length < tokens.length) onProgress(this.cache.length - before);
    }
    return logits;
  }

  /** Reads tokens at the end of the cache. @returns the logits after those at the positions `rows` among them */
  private async read(
    tokens: readonly number[],
    widths: readonly number[],
    rows: readonly number[],
  ): Promise<Float32Array> {
    const logits = await this.model.read(tokens, this.cache.length, widths, rows);
    this.cache.append(tokens, widths);
    if (!logits.every(Number.isFinite)) throw this.notNumbers();
    return logits;
  }

  /** @throws {Error} naming what is wrong with a request, as the native engine does */
  private check(
    tokens: readonly number[],
    widths: readonly number[],
    bannedFirstTokens: readonly number[] = [],
    healingPrefix = '',
  ): void {
    if (this.isDisposed) throw new Error('the engine was disposed');
    const { vocabularySize, contextLength } = this.checkpoint.config.model;
    this.checkWidths(widths);
    if (tokens.length === 0) throw new Error('a request needs at least one token');
    if (tokens.length > contextLength) {
      throw new Error(`the prompt has ${tokens.length} tokens, the model's context ${contextLength}`);
    }
    const { tokenBytes } = this.checkpoint.tokenizer;
    const isAlone = (byte: number) => tokenBytes.some((bytes) => bytes.length === 1 && bytes[0] === byte);
    const unspelled = new TextEncoder().encode(healingPrefix).find((byte) => !isAlone(byte));
    if (unspelled !== undefined) throw new Error(`no token spells the byte ${unspelled} of the healing prefix`);
    const unknown = [...tokens, ...bannedFirstTokens].find((token) => token < 0 || token >= vocabularySize);
    if (unknown !== undefined) {
      throw new Error(`the token ${unknown} is not in the vocabulary of ${vocabularySize}`);
    }
  }

  private checkWidths(widths: readonly number[]): void {
    const { layers, ffnSize } = this.checkpoint.config.model;
    if (widths.length !== layers) throw new Error(`the model has ${layers} widths, not ${widths.length}`);
    const wrong = widths.find((width) => width < 0 || width > ffnSize || width % 32 !== 0);
    if (wrong !== undefined) throw new Error(`the width ${wrong} is not a multiple of 32 between 0 and ${ffnSize}`);
  }

  /** The draft reads the cache that the target writes, so it may run no layer that the target skips. */
  private checkSpeculation({ widths: target, speculation }: GenerateRequest): void {
    if (!speculation) return;
    const { widths, maxTokens } = speculation;
    if (maxTokens < 0 || maxTokens > MAX_DRAFT)
      throw new Error(`a draft has 0 to ${MAX_DRAFT} tokens, not ${maxTokens}`);
    if (widths.length === 0) return;
    this.checkWidths(widths);
    const wider = widths.findIndex((width, layer) => width > (target[layer] ?? 0));
    if (wider >= 0) throw new Error(`the draft is wider than its target in layer ${wider}`);
  }
}
