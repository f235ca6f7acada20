import { type EndEvent, type Engine, type GenerateEvent, type GenerateRequest, PREFILL_CHUNK } from '../engine/engine';
import type { Answer, Answers } from './answers';
import type { VirtualClock } from './clock';
import type { PassCosts } from './passCosts';

type Listener = (event: GenerateEvent) => void;

interface Job {
  readonly request: GenerateRequest;
  readonly signal: AbortSignal;
  readonly listener: Listener;
}

/** A position of the cache: its token, and the layers that its writer ran, as a bit each. */
interface Position {
  readonly token: number;
  readonly layers: number;
}

/**
 * An engine that writes what the model writes and takes virtual time for it: each pass takes what it costs on the machine
 * at rest, times the pace of the scenario. It keeps a cache of positions as the real one does, reads a prompt in chunks, and
 * does one request after the other. It never drafts.
 */
export class CostedEngine implements Engine {
  private cache: Position[] = [];
  private readonly queue: Job[] = [];
  private isRunning = false;

  /** @param pace how many times as long the next pass takes as on the machine at rest */
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
    const { prompt, widths, maxTokens, expected = [] } = request;
    const startMs = this.clock.now();
    // Asked as a question, because the type checker takes a property that it has seen once for settled.
    const isAborted = () => signal.aborted;
    let [decodedTokens, passes, readMs] = [0, 0, startMs];
    const end = (reason: Answer['reason'], cached: Pick<EndEvent, 'cachedTokens'> = {}) => {
      listener({ type: 'end', reason, decodedTokens, passes, decodeMs: this.clock.now() - readMs, ...cached });
    };
    const layers = layersOf(widths);
    const reused = Math.min(this.reusable(prompt, layers), prompt.length - 1);
    this.cache.length = reused;
    for (let done = reused; done < prompt.length && !isAborted(); done += PREFILL_CHUNK) {
      const chunk = prompt.slice(done, done + PREFILL_CHUNK);
      // What is expected is read with the last chunk, as a draft.
      const drafted = done + PREFILL_CHUNK >= prompt.length ? expected.length : 0;
      await this.pass(widths, Math.min(PREFILL_CHUNK, chunk.length + drafted), signal);
      if (!isAborted()) this.cache.push(...chunk.map((token) => ({ token, layers })));
    }
    readMs = this.clock.now();
    if (isAborted()) {
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
    const { tokens, probabilities, reason } = await this.answer(request);
    let isDrafted = true;
    for (const [i, token] of tokens.entries()) {
      if (i > 0 && !isDrafted) {
        await this.pass(widths, 1, signal);
        passes++;
      }
      if (isAborted()) break;
      // The token after those that came as expected is known by the same pass.
      isDrafted &&= token === expected[i];
      decodedTokens++;
      this.cache.push({ token, layers });
      listener({ type: 'token', token, probability: probabilities[i] ?? 0 });
    }
    // That the model ends there is known by one more pass.
    if (reason === 'stop' && !isAborted() && tokens.length > 0 && !isDrafted) {
      await this.pass(widths, 1, signal);
      passes++;
    }
    end(isAborted() ? 'aborted' : reason);
  }

  /** The clock stands still while the real model works. */
  private async answer(request: GenerateRequest): Promise<Answer> {
    const release = this.clock.hold();
    try {
      return await this.answers(request);
    } finally {
      release();
    }
  }

  /** Time for a pass passes; less if it is aborted. */
  private pass(widths: readonly number[], tokens: number, signal: AbortSignal): Promise<void> {
    return this.clock.wait(this.pace() * this.costs.passMs(widths, tokens, this.cache.length), signal);
  }

  /** How many positions of the cache a submodel that runs such layers may use for a prompt. */
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
