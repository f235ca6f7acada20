import type { Engine, GenerateEvent, GenerateRequest } from '../../engine/engine';

/** Whoever has to know what the engine's cache holds. */
export interface CacheObserver {
  /**
   * The cache of a document holds a prompt now; none if its content was lost.
   * @param widths of the submodel that read what was not there before
   * @param document its number
   */
  wasRead(prompt: readonly number[], widths?: readonly number[], document?: number): void;
}

/** An engine that reports the content of its cache, for whatever reason it was read. */
export class WatchedEngine implements Engine {
  private readonly running = new Set<GenerateRequest>();
  private waiting: (() => void)[] = [];

  constructor(
    private readonly inner: Engine,
    private readonly observer: CacheObserver,
  ) {}

  /** Whether every request has ended, so that the observer knows the content of the cache. */
  get isIdle(): boolean {
    return this.running.size === 0;
  }

  idle(): Promise<void> {
    return this.isIdle ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    const { prompt, widths, cacheKey } = request;
    this.running.add(request);
    try {
      this.inner.generate(request, signal, (event) => {
        if (event.type === 'prefill') this.observer.wasRead(prompt, widths, cacheKey);
        if (event.type === 'end') {
          if (event.reason === 'failed') this.observer.wasRead([], [], cacheKey);
          // An aborted prefill keeps the chunks that it has read.
          else if (event.cachedTokens !== undefined)
            this.observer.wasRead(prompt.slice(0, event.cachedTokens), widths, cacheKey);
          this.ended(request);
        }
        listener(event);
      });
    } catch (error) {
      this.ended(request); // a request that the engine refuses has no end event
      throw error;
    }
  }

  private ended(request: GenerateRequest): void {
    this.running.delete(request);
    if (!this.isIdle) return;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
