import type { Engine, GenerateEvent, GenerateRequest } from '../engine/engine';
import type { CheckpointConfig } from '../matlm/config';
import { bytesPerToken } from '../matlm/submodel';
import type { VirtualClock } from './clock';

/** Tokens of a prompt that the engine reads in one pass over the weights. */
const PREFILL_CHUNK = 64;

/** What the engine has done. */
export interface Use {
  readonly decodes: number;
  readonly prefilledTokens: number;
  readonly decodedTokens: number;
  /** Milliseconds that the engine worked, by its own clock. */
  readonly engineMs: number;
  /** Weights read, by passes: a pass is one prefill chunk, one decoded token, or one check of several drafted ones. */
  readonly bytesRead: number;
}

/** An engine that really works: virtual time passes meanwhile. */
export class RealTimeEngine implements Engine {
  constructor(
    private readonly inner: Engine,
    private readonly clock: VirtualClock,
  ) {}

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    const stop = this.clock.work();
    this.inner.generate(request, signal, (event) => {
      if (event.type === 'end') stop();
      listener(event);
    });
  }
}

/** An engine whose work is counted, and which seems as slow as the scenario makes it. */
export class MeteredEngine implements Engine {
  private readonly used = { decodes: 0, prefilledTokens: 0, decodedTokens: 0, engineMs: 0, bytesRead: 0 };
  private readonly byWidths = new Map<string, number>();
  private running = 0;

  constructor(
    private readonly inner: Engine,
    readonly config: CheckpointConfig,
    private readonly slowdown: number,
  ) {}

  get use(): Use {
    return { ...this.used };
  }

  get idle(): boolean {
    return this.running === 0;
  }

  /** How often each submodel was asked. */
  get decodesBySubmodel(): Record<string, number> {
    const { granularities, frontier } = this.config;
    const named = [...frontier.map(({ name, widths }) => [name, widths] as const), ...Object.entries(granularities)];
    const counts = named.map(([name, widths]) => [name, this.byWidths.get(widths.join()) ?? 0] as const);
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  /** Forget what was counted so far. */
  reset(): void {
    Object.assign(this.used, { decodes: 0, prefilledTokens: 0, decodedTokens: 0, engineMs: 0, bytesRead: 0 });
    this.byWidths.clear();
  }

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    this.running++;
    this.used.decodes++;
    const widths = request.widths.join();
    this.byWidths.set(widths, (this.byWidths.get(widths) ?? 0) + 1);
    this.inner.generate(request, signal, (event) => {
      if (event.type === 'prefill') {
        this.addPrefill(request, event);
        listener({ ...event, prefillMs: event.prefillMs * this.slowdown });
      } else if (event.type === 'end') {
        this.addDecode(request, event);
        this.running--;
        listener({ ...event, decodeMs: event.decodeMs * this.slowdown });
      } else listener(event);
    });
  }

  private addPrefill({ widths }: GenerateRequest, read: Extract<GenerateEvent, { type: 'prefill' }>): void {
    this.used.prefilledTokens += read.prefilledTokens;
    this.used.engineMs += read.prefillMs;
    this.used.bytesRead += Math.ceil(read.prefilledTokens / PREFILL_CHUNK) * bytesPerToken(this.config.model, widths);
  }

  private addDecode({ widths, speculation }: GenerateRequest, end: Extract<GenerateEvent, { type: 'end' }>): void {
    this.used.decodedTokens += end.decodedTokens;
    this.used.engineMs += end.decodeMs;
    this.used.bytesRead += end.passes * bytesPerToken(this.config.model, widths);
    if (speculation)
      this.used.bytesRead += (end.writtenDrafts ?? 0) * bytesPerToken(this.config.model, speculation.widths);
  }
}
