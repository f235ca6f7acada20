import { isAborted } from '../completion/abort';
import { type EndEvent, type Engine, type GenerateEvent, type GenerateRequest, PREFILL_CHUNK } from '../engine/engine';
import type { Answers, ModelAnswer } from './answers';
import type { VirtualClock } from './clock';
import type { PassCosts } from './passCosts';

type Listener = (event: GenerateEvent) => void;

interface Job {
  readonly request: GenerateRequest;
  readonly signal: AbortSignal;
  readonly listener: Listener;
}

/** A position of the cache. */
interface CachePosition {
  readonly token: number;
  /** The layers that were computed, one bit each. */
  readonly layers: number;
}

/**
 * An engine with the model's answers that takes virtual time. Each pass takes its cost on an idle machine, times the pace
 * of the scenario. Like the real engine, it has a cache of positions for each document, prefills a prompt in chunks, and processes one request
 * after the other. It never drafts.
 */
export class CostedEngine implements Engine {
  /** By document. */
  private readonly caches = new Map<number, CachePosition[]>();
  /** Of the request that runs. */
  private cache: CachePosition[] = [];
  private readonly queue: Job[] = [];
  private isRunning = false;

  /** @param pace returns the slowdown of the next pass, relative to an idle machine */
  constructor(
    private readonly clock: VirtualClock,
    private readonly answers: Answers,
    private readonly costs: PassCosts,
    private readonly pace: () => number,
  ) {}

  generate(request: GenerateRequest, signal: AbortSignal, listener: Listener): void {
    this.queue.push({ request, signal, listener });
    void this.work();
  }

  private async work(): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    for (let job = this.queue.shift(); job; job = this.queue.shift()) await this.run(job);
    this.isRunning = false;
  }

  private async run({ request, signal, listener }: Job): Promise<void> {
    const { prompt, widths, maxTokens, expected = [], cacheKey = 0 } = request;
    this.cache = this.caches.get(cacheKey) ?? [];
    this.caches.set(cacheKey, this.cache);
    const startMs = this.clock.now();
    let [decodedTokens, passes, readMs] = [0, 0, startMs];
    const end = (reason: ModelAnswer['reason'], cached: Pick<EndEvent, 'cachedTokens'> = {}) => {
      listener({ type: 'end', reason, decodedTokens, passes, decodeMs: this.clock.now() - readMs, ...cached });
    };
    const layers = layersOf(widths);
    const reused = Math.min(this.reusable(prompt, layers), prompt.length - 1);
    this.cache.length = reused;
    for (let done = reused; done < prompt.length && !isAborted(signal); done += PREFILL_CHUNK) {
      const chunk = prompt.slice(done, done + PREFILL_CHUNK);
      // Expected tokens are verified with the last chunk, like a draft.
      const drafted = done + PREFILL_CHUNK >= prompt.length ? expected.length : 0;
      await this.pass(widths, Math.min(PREFILL_CHUNK, chunk.length + drafted), signal);
      if (!isAborted(signal)) this.cache.push(...chunk.map((token) => ({ token, layers })));
    }
    readMs = this.clock.now();
    if (isAborted(signal)) {
      end('aborted', { cachedTokens: this.cache.length });
      return;
    }
    listener({
      type: 'prefill',
      reusedTokens: reused,
      prefilledTokens: prompt.length - reused,
      prefillMs: readMs - startMs,
    });
    if (maxTokens === 0) {
      end('length');
      return;
    }
    const { tokens, probabilities, memoryShares, matchLengths, reason } = await this.answer(request);
    let isDrafted = true;
    for (const [i, token] of tokens.entries()) {
      if (i > 0 && !isDrafted) {
        await this.pass(widths, 1, signal);
        passes++;
      }
      if (isAborted(signal)) break;
      // The pass that verifies expected tokens also yields the token after them.
      isDrafted &&= token === expected[i];
      decodedTokens++;
      this.cache.push({ token, layers });
      const [memoryShare = 0, matchLength = 0] = [memoryShares[i], matchLengths[i]];
      listener({ type: 'token', token, probability: probabilities[i] ?? 0, memoryShare, matchLength });
    }
    // The end of the text takes one more pass.
    if (reason === 'stop' && !isAborted(signal) && tokens.length > 0 && !isDrafted) {
      await this.pass(widths, 1, signal);
      passes++;
    }
    end(isAborted(signal) ? 'aborted' : reason);
  }

  /** The clock stands still while the real model works. */
  private async answer(request: GenerateRequest): Promise<ModelAnswer> {
    const release = this.clock.hold();
    try {
      return await this.answers(request);
    } finally {
      release();
    }
  }

  /** Wait for the duration of a pass, or until the abort. */
  private pass(widths: readonly number[], tokens: number, signal: AbortSignal): Promise<void> {
    return this.clock.wait(this.pace() * this.costs.passMs(widths, tokens, this.cache.length), signal);
  }

  /** Number of positions of the cache that a submodel with some layers may use for a prompt. */
  private reusable(prompt: readonly number[], layers: number): number {
    let n = 0;
    for (const { token, layers: written } of this.cache) {
      if (token !== prompt[n] || (layers & written) !== layers) break;
      n++;
    }
    return n;
  }
}

function layersOf(widths: readonly number[]): number {
  return widths.reduce((layers, width, i) => layers | (width > 0 ? 1 << i : 0), 0);
}
