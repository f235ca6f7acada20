import { PREFILL_CHUNK } from '../engine/engine';
import { inBackground, type OnFault } from './background';
import type { Unread } from './plan';

/** A chunk of a slow model is shorter, because an abort takes effect some times in each layer and loses the chunk. */
const CHUNK_MS = 150;
/** With fewer tokens, reading the weights takes longer than computing the tokens. */
const LEAST_CHUNK = 8;

/** With so many, a GPU that reads prompts is worth its start. */
const GPU_CHUNK = 4 * PREFILL_CHUNK;

/** Tokens to prefill at once. */
function chunkOf({ model, submodel }: Unread): number {
  const msPerToken = model.costs.predictMs(submodel, 1, 0) ?? 0;
  const togetherMs = model.costs.predictMs(submodel, GPU_CHUNK, 0) ?? Infinity;
  if (togetherMs <= CHUNK_MS && togetherMs < (GPU_CHUNK * msPerToken) / 2) return GPU_CHUNK;
  return Math.min(PREFILL_CHUNK, Math.max(LEAST_CHUNK, Math.floor(CHUNK_MS / msPerToken)));
}

const DECODE_BEGINS = 'a decode begins';

/**
 * Prefills the prompt while the user types, if the first answer in a pause would have to wait for it. The submodels share
 * the engine's cache.
 */
export class ReadAhead {
  private wanted: Unread | undefined;
  private reading: AbortController | undefined;
  /** Settles when the current reading has ended. */
  private ended: Promise<unknown> = Promise.resolve();

  constructor(private readonly onFault: OnFault) {}

  /** Read this prompt from now on. Usually it begins like the earlier one, whose current chunk is finished first. */
  begin(unread: Unread): void {
    this.wanted = unread;
    if (!this.reading) this.start();
  }

  /** Read a prompt in a pause: resolves when it is read, or when the pause or the reading ends. */
  async readIn(pause: AbortSignal, unread: Unread): Promise<void> {
    if (pause.aborted) return;
    const stop = () => {
      this.stop();
    };
    pause.addEventListener('abort', stop, { once: true });
    this.begin(unread);
    // An earlier reading that was stopped may have to end first.
    while (this.reading) await this.ended;
    pause.removeEventListener('abort', stop);
  }

  stop(): void {
    this.wanted = undefined;
    this.reading?.abort(DECODE_BEGINS);
  }

  private start(): void {
    const { signal } = (this.reading = new AbortController());
    const reading = this.read(signal).finally(() => {
      this.reading = undefined;
      // Another prompt may have come since it was stopped.
      if (signal.aborted && this.wanted) this.start();
    });
    this.ended = reading.catch(() => undefined);
    inBackground(reading, this.onFault);
  }

  private async read(signal: AbortSignal): Promise<void> {
    while (this.wanted && !signal.aborted) {
      const { model, document, tokens } = this.wanted;
      // How much of the prompt the cache holds is not known before, and a prompt that ends earlier would shorten the cache.
      if (!model.engine.isIdle) {
        await model.engine.idle();
        continue; // another prompt may be wanted now, of another model
      }
      const readTokens = tokens.length - model.cache.unreadOf(tokens, document);
      // The last token is computed with the decode, because its logits are wanted.
      if (readTokens >= tokens.length - 1) break;
      // A request waits at most for the rest of a chunk, and finished chunks stay in the cache.
      const chunk = { ...this.wanted, tokens: tokens.slice(0, readTokens + chunkOf(this.wanted)) };
      if (!(await this.readChunk(chunk, signal))) break;
    }
  }

  /** Resolves to whether the chunk was prefilled completely. */
  private readChunk({ model, document, tokens: prompt, submodel }: Unread, signal: AbortSignal): Promise<boolean> {
    const { engine, costs } = model;
    const { widths } = submodel;
    return new Promise((resolve) => {
      engine.generate(
        { prompt, widths, maxTokens: 0, stopTokens: [], cacheKey: document, urgency: 'ahead' },
        signal,
        (event) => {
          if (event.type === 'prefill') costs.observe(submodel, event.prefilledTokens, event.prefillMs, 0, 0);
          if (event.type === 'end') resolve(event.reason !== 'aborted' && event.reason !== 'failed');
        },
      );
    });
  }
}
