import { type Engine, type GenerateEvent, type GenerateRequest, PREFILL_CHUNK } from '../engine/engine';
import type { ModelConfig } from '../matlm/config';
import { bytesPerToken, type Candidate } from '../matlm/submodel';
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

/** The work of all engines of a run. */
export class Meter {
  private used = { ...NONE };
  private dutyCycle = new DutyCycle();
  private sinceMs = 0;
  private readonly decodes = new Map<string, number>();
  private running = 0;

  /** @param now of the virtual clock */
  constructor(readonly now: () => number) {}

  get use(): Use {
    return { ...this.used };
  }

  get idle(): boolean {
    return this.running === 0;
  }

  /** Number of decodes by each submodel. */
  get decodesBySubmodel(): Record<string, number> {
    return Object.fromEntries(this.decodes);
  }

  /** Reset all counts. */
  reset(): void {
    this.used = { ...NONE };
    this.dutyCycle = new DutyCycle();
    this.sinceMs = this.now();
    this.decodes.clear();
  }

  /** @param decodesBy the submodel that decodes; undefined if the request only reads a prompt */
  begin(decodesBy: string | undefined): void {
    this.running++;
    if (decodesBy === undefined) return;
    this.used.decodes++;
    this.decodes.set(decodesBy, (this.decodes.get(decodesBy) ?? 0) + 1);
  }

  end(): void {
    this.running--;
  }

  add(tokens: Partial<Pick<Use, 'prefilledTokens' | 'decodedTokens'>>, bytesRead: number): void {
    this.used.prefilledTokens += tokens.prefilledTokens ?? 0;
    this.used.decodedTokens += tokens.decodedTokens ?? 0;
    this.used.bytesRead += bytesRead;
  }

  /** Add a time of work that ends now. */
  worked(workMs: number): void {
    const nowMs = this.now();
    this.used.engineMs += workMs;
    this.dutyCycle.worked(nowMs - workMs, nowMs);
    // Before one window has passed, its share is not known.
    if (nowMs - this.sinceMs >= WINDOW_MS)
      this.used.mostShare = Math.max(this.used.mostShare, this.dutyCycle.share(nowMs));
  }
}

/** An engine whose work is measured. */
export class MeteredEngine implements Engine {
  /** The names of submodels by their widths. */
  private readonly names: ReadonlyMap<string, string>;

  constructor(
    private readonly inner: Engine,
    private readonly model: ModelConfig,
    submodels: Iterable<Pick<Candidate, 'submodel'>>,
    private readonly meter: Meter,
  ) {
    // The first of several with the same widths is the named size.
    const rows = Array.from(submodels, ({ submodel }) => [submodel.widths.join(), submodel.name] as const);
    this.names = new Map(rows.reverse());
  }

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    const { meter } = this;
    const widths = request.widths.join();
    meter.begin(request.maxTokens > 0 ? (this.names.get(widths) ?? widths) : undefined);
    const startedMs = meter.now();
    let isRead = false;
    this.inner.generate(request, signal, (event) => {
      if (event.type === 'prefill') {
        isRead = true;
        const chunks = Math.ceil(event.prefilledTokens / PREFILL_CHUNK);
        meter.add({ prefilledTokens: event.prefilledTokens }, chunks * this.bytesOf(request.widths));
        meter.worked(event.prefillMs);
      } else if (event.type === 'end') {
        this.addDecode(request, event);
        meter.worked(isRead ? event.decodeMs : meter.now() - startedMs);
        meter.end();
      }
      listener(event);
    });
  }

  private addDecode({ widths, speculation }: GenerateRequest, end: Extract<GenerateEvent, { type: 'end' }>): void {
    const drafted = speculation ? (end.writtenDrafts ?? 0) * this.bytesOf(speculation.widths) : 0;
    this.meter.add({ decodedTokens: end.decodedTokens }, end.passes * this.bytesOf(widths) + drafted);
  }

  private bytesOf(widths: readonly number[]): number {
    return bytesPerToken(this.model, widths);
  }
}
