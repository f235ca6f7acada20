import type { NativeMemory } from '../addon';
import {
  type EndEvent,
  type EndReason,
  type EngineInfo,
  type GenerateEvent,
  type GenerateRequest,
  type LocalBackend,
  PREFILL_CHUNK,
} from '../engine';
import { measureCosts } from '../measure';
import type { EngineCheckpoint } from '../../matlm/checkpoint';
import { bytesPerToken } from '../../matlm/submodel';
import { decode, type Decoding, noDrafts } from './decode';
import { OnnxModel } from './model';
import { loadRuntime, type Provider } from './runtime';
import { SequenceCache } from './sequenceCache';
import { MAX_DRAFT, Speculator } from './speculator';

/** A provider with the settings that the probe found to be correct. */
export interface ProviderSettings {
  readonly provider: Provider;
  /** Tokens read at once. An abort takes effect between two such chunks. */
  readonly prefillTokens: number;
}

export const ONNX_CPU: ProviderSettings = { provider: 'cpu', prefillTokens: PREFILL_CHUNK };

/**
 * The checkpoint in ONNX Runtime, behind the same interface as the native engine and with the same rules: prefix reuse
 * on one cache for all submodels, greedy and speculative decoding, the memory of the workspace, abort between passes.
 */
export class OnnxEngine implements LocalBackend {
  private readonly model: OnnxModel;
  private readonly cache = new SequenceCache();
  /** By the widths of target and draft. */
  private readonly speculators = new Map<string, Speculator>();
  /** Requests run one after the other; this is the end of the last. */
  private queue: Promise<void> = Promise.resolve();
  private isDisposed = false;

  /**
   * @param root the folder that holds ONNX Runtime, see `loadRuntime`
   * @param memory from `openMemory`
   * @throws {RuntimeError} if it does not load
   */
  constructor(
    root: string,
    private readonly checkpoint: EngineCheckpoint,
    private readonly settings: ProviderSettings,
    private readonly threads: number,
    private readonly memory?: NativeMemory,
  ) {
    const { weightsFile, tensors, config } = checkpoint;
    this.model = new OnnxModel(
      loadRuntime(root),
      { config: config.model, weightsFile, tensors },
      settings.provider,
      threads,
    );
  }

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    this.check(
      request.prompt,
      request.widths,
      [...(request.bannedFirstTokens ?? []), ...(request.expected ?? [])],
      request.healingPrefix,
    );
    this.checkSpeculation(request);
    let ended = false;
    const done = { tokens: 0, passes: 0, ...noDrafts() };
    let startMs = performance.now();
    const end = (reason: EndReason, details: Partial<EndEvent> = {}) => {
      if (ended) return;
      ended = true;
      signal.removeEventListener('abort', endWaiting);
      const { tokens: decodedTokens, ...drafts } = done;
      const decodeMs = decodedTokens > 0 ? performance.now() - startMs : 0;
      listener({
        type: 'end',
        reason,
        decodedTokens,
        decodeMs,
        ...drafts,
        ...details,
      });
    };
    // A request that waits for its turn ends at once. A running one ends after its current step.
    const endWaiting = () => {
      end('aborted');
    };
    signal.addEventListener('abort', endWaiting, { once: true });
    if (signal.aborted) endWaiting();
    void this.enqueue(async () => {
      if (ended) return;
      signal.removeEventListener('abort', endWaiting);
      const isAborted = () => signal.aborted || this.isDisposed;
      try {
        const logits = await this.prompt(request, isAborted, listener);
        startMs = performance.now();
        if (logits) end(await this.decode({ request, logits, isAborted, listener, done }));
        else end('aborted', { cachedTokens: this.cache.length });
      } catch (error) {
        // The content of the cache is unknown after a fault.
        this.cache.truncate(0);
        end('failed', { message: (error as Error).message });
      }
    });
  }

  /**
   * Logits after the tokens from `first` on, [tokens - first, vocabulary]; discards the cache. The tokens
   * before `first` are read in chunks, as a prompt, and the others one by one, as in decoding.
   */
  async logits(tokens: readonly number[], widths: readonly number[], first: number): Promise<Float32Array> {
    this.check(tokens, widths);
    return this.enqueue(async () => {
      this.cache.truncate(0);
      const rows: Float32Array[] = [await this.prefill(tokens.slice(0, first + 1), widths, undefined)];
      for (let i = first + 1; i < tokens.length; i++) rows.push(await this.read(tokens.slice(i, i + 1), widths, [0]));
      const all = new Float32Array(rows.length * this.checkpoint.config.model.vocabularySize);
      for (const [i, row] of rows.entries()) all.set(row, i * row.length);
      return all;
    });
  }

  async measure(): Promise<EngineInfo> {
    const { config } = this.checkpoint;
    return {
      pid: process.pid,
      backend: `onnx-${this.settings.provider}`,
      isa: 'onnx',
      rejected: [],
      threads: this.threads,
      weightBytes: bytesPerToken(config.model, config.granularities.XL ?? []),
      kvCacheBytes: this.model.cacheBytes,
      costs: await measureCosts(this, config),
    };
  }

  /** Ends waiting requests. The sessions are released when the running request has ended. */
  dispose(): void {
    this.isDisposed = true;
    void this.enqueue(() => this.model.dispose());
  }

  private enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work);
    this.queue = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
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

  private decode(part: Pick<Decoding, 'request' | 'logits' | 'isAborted' | 'listener' | 'done'>): Promise<EndReason> {
    const { widths, speculation } = part.request;
    const pair = `${widths.join()} ${speculation?.widths.join() ?? ''}`;
    const speculator = this.speculators.get(pair) ?? new Speculator();
    this.speculators.set(pair, speculator);
    const { config, tokenizer } = this.checkpoint;
    const { contextLength } = config.model;
    const reader = {
      read: (tokens: readonly number[], widths: readonly number[]) => this.read(tokens, widths, [...tokens.keys()]),
      truncate: (length: number) => {
        this.cache.truncate(length);
      },
    };
    const { memory } = this;
    return decode(reader, { ...part, speculator, memory, tokenBytes: tokenizer.tokenBytes, contextLength });
  }

  /** Logits after the last of `tokens`. The cache holds the first few of them already. */
  private async prefill(
    tokens: readonly number[],
    widths: readonly number[],
    isAborted: (() => boolean) | undefined,
    onProgress: (prefilledTokens: number) => void = () => undefined,
  ): Promise<Float32Array> {
    const before = this.cache.length;
    let logits: Float32Array = new Float32Array();
    while (this.cache.length < tokens.length && !isAborted?.()) {
      const chunk = tokens.slice(this.cache.length, this.cache.length + this.settings.prefillTokens);
      logits = await this.read(chunk, widths, [chunk.length - 1]);
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
    if (!logits.every(Number.isFinite))
      throw new Error(`${this.settings.provider} computed logits that are not numbers`);
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
