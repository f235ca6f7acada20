import type { CheckpointConfig } from '../matlm/config';
import { type Cost, type GpuPrefill, parameters, submodelOf, wholeSizes } from '../matlm/submodel';
import type { NativeMemory } from './addon';
import {
  AT_ONCE,
  type CachedText,
  type EndEvent,
  ended,
  type EngineInfo,
  type GenerateEvent,
  type GenerateRequest,
  type InTurn,
} from './engine';
import type { LocalBackend } from './localBackend';
import type { LogitsEngine } from './logitsEngine';
import type { LocalEngine } from './native';
import { RequestQueue } from './requestQueue';

/** Tokens of two prompts whose times give the cost of a start and of a token. */
const MEASURED_TOKENS = [64, 256] as const;

/** Sizes of a model with their widths and costs. */
interface Measured {
  readonly widths: readonly number[];
  readonly cost: Cost;
}

/**
 * Reads prompts on the GPU if that saves more than the copy of their keys and values costs, and does all else on the processor. The
 * cache of the native engine holds what both have read, so each request continues from it.
 */
export class GpuPrefillEngine implements LocalBackend {
  private measured: readonly Measured[] = [];
  private readonly queue = new RequestQueue();

  /**
   * Both are disposed of with this engine.
   * @param processor may have been in use before
   */
  constructor(
    readonly processor: LocalEngine,
    private readonly gpu: Pick<
      LogitsEngine,
      'readAndCopy' | 'cachedTokens' | 'forget' | 'describe' | 'dispose' | 'whenClosed'
    >,
    private readonly config: CheckpointConfig,
  ) {}

  generate(
    request: GenerateRequest,
    signal: AbortSignal,
    listener: (event: GenerateEvent) => void,
    memory?: NativeMemory,
  ): void {
    this.queue.request(signal, listener, async () => {
      try {
        const startMs = performance.now();
        const before = await this.readOnGpu(request, signal, listener);
        // What the GPU alone has read still has to be copied.
        if (signal.aborted) return ended('aborted', { cachedTokens: before });
        return await this.continue(request, before, startMs, signal, listener, memory);
      } catch (error) {
        // The processor refuses a request that makes no sense, as any other backend would.
        const isFinal = error instanceof RangeError;
        return ended('failed', { message: (error as Error).message, ...(isFinal && { isFinal }) });
      }
    });
  }

  /**
   * Logits after each token from `first` on, [tokens - first, vocabulary]. The GPU reads the tokens before it, and the processor those
   * from it on; discards the cache.
   */
  async logits(tokens: readonly number[], widths: readonly number[], first: number): Promise<Float32Array> {
    const text = { prompt: tokens.slice(0, first), widths };
    await this.copy(text, 0);
    return this.processor.logitsAfter(first, tokens, widths);
  }

  async measure(inTurn = AT_ONCE): Promise<EngineInfo> {
    // The card opens and compiles without a turn: requests on the processor go on meanwhile.
    await this.gpu.describe();
    const processor = await this.processor.measure(inTurn);
    const gpuPrefill = await this.measureGpu(inTurn);
    const costs = Object.fromEntries(
      Object.entries(processor.costs).map(([size, cost]) => [
        size,
        { ...cost, gpuPrefill: gpuPrefill(this.widthsOf(size)) },
      ]),
    );
    this.learn(costs);
    const gpu = await this.gpu.describe();
    return {
      ...processor,
      backend: 'gpu-prefill',
      weightBytes: processor.weightBytes + gpu.weightBytes,
      kvCacheBytes: processor.kvCacheBytes + gpu.kvCacheBytes,
      costs,
    };
  }

  restore({ costs }: Pick<EngineInfo, 'costs'>): void {
    this.learn(costs);
    const onProcessor = ({ prefillMsPerToken, decodeMsPerToken }: Cost) => ({ prefillMsPerToken, decodeMsPerToken });
    this.processor.restore({
      costs: Object.fromEntries(Object.entries(costs).map(([size, cost]) => [size, onProcessor(cost)])),
    });
  }

  forget(cacheKeys: readonly number[]): void {
    this.processor.forget(cacheKeys);
    this.gpu.forget(cacheKeys);
  }

  dispose(kept?: LocalEngine): void {
    this.processor.dispose(kept);
    this.gpu.dispose();
  }

  whenClosed(): Promise<void> {
    return this.gpu.whenClosed();
  }

  private learn(costs: EngineInfo['costs']): void {
    this.measured = Object.entries(costs).map(([size, cost]) => ({ widths: this.widthsOf(size), cost }));
  }

  /**
   * Brings the cache of the processor to all tokens of a prompt but the last, if the GPU does that sooner.
   * @returns how many tokens of the prompt the cache of the processor held before
   */
  private async readOnGpu(
    { prompt, widths, cacheKey = 0 }: GenerateRequest,
    signal: AbortSignal,
    listener: (event: GenerateEvent) => void,
  ): Promise<number> {
    // The processor reads the last token, because its logits are wanted.
    const text = { prompt: prompt.slice(0, -1), widths, cacheKey };
    if (text.prompt.length === 0) return 0;
    const before = await this.processor.cachedTokens(text);
    if (!this.pays(text, before)) return before;
    await this.copy(text, before, signal, (cachedTokens) => {
      if (cachedTokens > before) listener({ type: 'progress', prefilledTokens: cachedTokens - before });
    });
    return before;
  }

  private async copy(
    text: CachedText,
    begin: number,
    signal: AbortSignal = NEVER,
    onProgress?: (cachedTokens: number) => void,
  ): Promise<void> {
    const keysAndValues = await this.gpu.readAndCopy(text, begin, () => signal.aborted, onProgress);
    if (!keysAndValues) return;
    try {
      await this.processor.copyIn(text, begin, keysAndValues);
    } catch (error) {
      throw new Error(`the processor cannot continue from what the GPU has read: ${(error as Error).message}`);
    }
  }

  /** Whether to read on the GPU: the cheaper way for the tokens that have to be read or copied. */
  private pays(text: CachedText, cached: number): boolean {
    const { prompt, widths } = text;
    const { prefillMsPerToken = 0, gpuPrefill } = this.costOf(widths) ?? {};
    if (!gpuPrefill) return false;
    const onProcessor = (prompt.length - cached) * prefillMsPerToken;
    const tokens = prompt.length - Math.min(cached, this.gpu.cachedTokens(text));
    return gpuPrefill.startMs + tokens * gpuPrefill.msPerToken < onProcessor;
  }

  /** The request on the processor, whose cache holds what was read. @returns its end */
  private continue(
    request: GenerateRequest,
    before: number,
    startMs: number,
    signal: AbortSignal,
    listener: (event: GenerateEvent) => void,
    memory?: NativeMemory,
  ): Promise<EndEvent> {
    return new Promise((resolve) => {
      const hear = (event: GenerateEvent) => {
        if (event.type === 'prefill') {
          const reusedTokens = Math.min(before, event.reusedTokens);
          const prefilledTokens = request.prompt.length - reusedTokens;
          listener({ ...event, reusedTokens, prefilledTokens, prefillMs: performance.now() - startMs });
        } else if (event.type === 'end') resolve(event);
        else listener(event);
      };
      this.processor.generate(request, signal, hear, memory);
    });
  }

  /** That of the measured size that is closest. */
  private costOf(widths: readonly number[]): Cost | undefined {
    const size = (of: readonly number[]) => parameters(this.config.model, of);
    const distance = ({ widths: other }: Measured) => Math.abs(size(other) - size(widths));
    return this.measured.reduce<Measured | undefined>(
      (best, other) => (best && distance(best) <= distance(other) ? best : other),
      undefined,
    )?.cost;
  }

  private widthsOf(size: string): readonly number[] {
    return submodelOf(this.config, size).widths;
  }

  /** Measures the smallest and the largest size, copy included. @returns the cost of any, which lies on the line through both */
  private async measureGpu(inTurn: InTurn): Promise<(widths: readonly number[]) => GpuPrefill> {
    const { model } = this.config;
    const sizes = wholeSizes(this.config);
    const ends = [...new Set([sizes[0] ?? 'XL', sizes.at(-1) ?? 'XL'])];
    const points: { readonly x: number; readonly cost: GpuPrefill }[] = [];
    let seed = 0;
    const msOf = async (tokens: number, widths: readonly number[]) => {
      // Another first token each time, so that no cache holds any of them.
      const first = seed++;
      const prompt = Array.from({ length: tokens }, (_, i) => (i * 37 + first) % model.vocabularySize);
      const startMs = performance.now();
      await this.copy({ prompt, widths, cacheKey: MEASURING_KEY }, 0);
      return performance.now() - startMs;
    };
    for (const size of ends) {
      const widths = this.widthsOf(size);
      const [few, many] = MEASURED_TOKENS.map((tokens) => Math.min(tokens, model.contextLength)) as [number, number];
      // The first time compiles kernels and makes room.
      await inTurn(() => msOf(many, widths));
      const fewMs = await inTurn(() => msOf(few, widths));
      const manyMs = await inTurn(() => msOf(many, widths));
      points.push({ x: parameters(model, widths), cost: costThrough(few, fewMs, many, manyMs) });
    }
    this.forget([MEASURING_KEY]);
    const [low, high = low] = points;
    return (widths) => {
      if (!low || !high) return { startMs: Infinity, msPerToken: Infinity };
      const share = high.x > low.x ? (parameters(model, widths) - low.x) / (high.x - low.x) : 0;
      const between = (a: number, b: number) => Math.max(0, a + share * (b - a));
      return {
        startMs: between(low.cost.startMs, high.cost.startMs),
        msPerToken: between(low.cost.msPerToken, high.cost.msPerToken),
      };
    };
  }
}

/** No document has it. */
const MEASURING_KEY = -1;

const NEVER = new AbortController().signal;

/** The line through two measurements. Noise may say that tokens cost nothing, or less than nothing to begin. */
function costThrough(few: number, fewMs: number, many: number, manyMs: number): GpuPrefill {
  const slope = many > few ? (manyMs - fewMs) / (many - few) : 0;
  const msPerToken = Math.min(Math.max(slope, 0), manyMs / many);
  return { startMs: manyMs - many * msPerToken, msPerToken };
}
