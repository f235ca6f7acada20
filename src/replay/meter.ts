import { type Engine, type GenerateEvent, type GenerateRequest, PREFILL_CHUNK } from '../engine/engine';
import type { CheckpointConfig } from '../matlm/config';
import { bytesPerToken } from '../matlm/submodel';
import { DutyCycle, WINDOW_MS } from '../governor/dutyCycle';
import type { VirtualClock } from './clock';

/** The engine's work. */
export interface Use {
  readonly decodes: number;
  readonly prefilledTokens: number;
  readonly decodedTokens: number;
  /** Virtual milliseconds of work, stopped requests included. */
  readonly engineMs: number;
  /** The largest share of a duty cycle's window. */
  readonly mostShare: number;
  /** Weight bytes read. A pass is one prefill chunk, one decoded token, or one verification of drafted tokens. */
  readonly bytesRead: number;
}

/** A real engine. Virtual time advances while it works, and its reported times are multiplied by the slowdown. */
export class RealTimeEngine implements Engine {
  constructor(
    private readonly inner: Engine,
    private readonly clock: VirtualClock,
    private readonly slowdown: number,
  ) {}

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    const stop = this.clock.work();
    this.inner.generate(request, signal, (event) => {
      if (event.type === 'end') {
        stop();
        listener({ ...event, decodeMs: event.decodeMs * this.slowdown });
      } else if (event.type === 'prefill') {
        listener({ ...event, prefillMs: event.prefillMs * this.slowdown });
      } else listener(event);
    });
  }
}

const NONE = { decodes: 0, prefilledTokens: 0, decodedTokens: 0, engineMs: 0, mostShare: 0, bytesRead: 0 };

/** An engine whose work is measured. */
export class MeteredEngine implements Engine {
  private used = { ...NONE };
  private dutyCycle = new DutyCycle();
  private sinceMs = 0;
  private readonly byWidths = new Map<string, number>();
  private running = 0;

  /** @param now of the virtual clock */
  constructor(
    private readonly inner: Engine,
    readonly config: CheckpointConfig,
    private readonly now: () => number,
  ) {}

  get use(): Use {
    return { ...this.used };
  }

  get idle(): boolean {
    return this.running === 0;
  }

  /** Number of decodes by each submodel. */
  get decodesBySubmodel(): Record<string, number> {
    const { granularities, frontier } = this.config;
    const named = [...frontier.map(({ name, widths }) => [name, widths] as const), ...Object.entries(granularities)];
    const counts = named.map(([name, widths]) => [name, this.byWidths.get(widths.join()) ?? 0] as const);
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  /** Reset all counts. */
  reset(): void {
    this.used = { ...NONE };
    this.dutyCycle = new DutyCycle();
    this.sinceMs = this.now();
    this.byWidths.clear();
  }

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    this.running++;
    if (request.maxTokens > 0) this.used.decodes++;
    const widths = request.widths.join();
    if (request.maxTokens > 0) this.byWidths.set(widths, (this.byWidths.get(widths) ?? 0) + 1);
    const startedMs = this.now();
    let isRead = false;
    this.inner.generate(request, signal, (event) => {
      if (event.type === 'prefill') {
        isRead = true;
        this.addPrefill(request, event);
      } else if (event.type === 'end') {
        this.addDecode(request, event);
        this.addWork(isRead ? event.decodeMs : this.now() - startedMs);
        this.running--;
      }
      listener(event);
    });
  }

  private addPrefill({ widths }: GenerateRequest, read: Extract<GenerateEvent, { type: 'prefill' }>): void {
    this.used.prefilledTokens += read.prefilledTokens;
    this.used.bytesRead += Math.ceil(read.prefilledTokens / PREFILL_CHUNK) * bytesPerToken(this.config.model, widths);
    this.addWork(read.prefillMs);
  }

  private addDecode({ widths, speculation }: GenerateRequest, end: Extract<GenerateEvent, { type: 'end' }>): void {
    this.used.decodedTokens += end.decodedTokens;
    this.used.bytesRead += end.passes * bytesPerToken(this.config.model, widths);
    if (speculation)
      this.used.bytesRead += (end.writtenDrafts ?? 0) * bytesPerToken(this.config.model, speculation.widths);
  }

  /** Add a time of work that ends now. */
  private addWork(workMs: number): void {
    const nowMs = this.now();
    this.used.engineMs += workMs;
    this.dutyCycle.worked(nowMs - workMs, nowMs);
    // Before one window has passed, its share is not known.
    if (nowMs - this.sinceMs >= WINDOW_MS)
      this.used.mostShare = Math.max(this.used.mostShare, this.dutyCycle.share(nowMs));
  }
}
