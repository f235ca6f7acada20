import { type Engine, failed, type GenerateEvent, type GenerateRequest } from '../engine/engine';

/** With a reason, because without one every abort creates an error with its stack. */
const CLOSED = 'the engine is restarted or stopped';

/**
 * The use of an engine by one pipeline, which ends with the pipeline: `close` stops every decode in progress and ends it at
 * once, and later events of the engine are dropped. A replaced pipeline therefore receives and starts nothing any more.
 */
export class EngineLease implements Engine {
  /** Each stops a request that has not ended. No signal lives as long as the lease, so that no request leaves anything. */
  private readonly stops = new Set<() => void>();
  private closed = false;

  constructor(private readonly engine: Engine) {}

  get isClosed(): boolean {
    return this.closed;
  }

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    if (this.closed) {
      listener(failed('the engine was restarted'));
      return;
    }
    const controller = new AbortController();
    const onAbort = () => {
      controller.abort(signal.reason);
    };
    const stop = () => {
      controller.abort(CLOSED);
      hear({ type: 'end', reason: 'aborted', decodedTokens: 0, passes: 0, decodeMs: 0 });
    };
    let hasEnded = false;
    const hear = (event: GenerateEvent) => {
      if (hasEnded) return;
      if (event.type === 'end') {
        hasEnded = true;
        this.stops.delete(stop);
        signal.removeEventListener('abort', onAbort);
      }
      listener(event);
    };
    this.stops.add(stop);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    this.engine.generate(request, controller.signal, hear);
  }

  close(): void {
    this.closed = true;
    for (const stop of [...this.stops]) stop();
  }
}
