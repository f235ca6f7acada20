import { type Engine, failed, type GenerateEvent, type GenerateRequest } from '../engine/engine';

/**
 * The use of an engine by one pipeline, which ends with the pipeline: `close` stops every decode in progress and ends it at
 * once, and later events of the engine are dropped. A replaced pipeline therefore receives and starts nothing any more.
 */
export class EngineLease implements Engine {
  private readonly closing = new AbortController();

  constructor(private readonly engine: Engine) {}

  get isClosed(): boolean {
    return this.closing.signal.aborted;
  }

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    const closing = this.closing.signal;
    if (closing.aborted) {
      listener(failed('the engine was restarted'));
      return;
    }
    const onClose = () => {
      hear({ type: 'end', reason: 'aborted', decodedTokens: 0, passes: 0, decodeMs: 0 });
    };
    let hasEnded = false;
    const hear = (event: GenerateEvent) => {
      if (hasEnded) return;
      if (event.type === 'end') {
        hasEnded = true;
        closing.removeEventListener('abort', onClose);
      }
      listener(event);
    };
    closing.addEventListener('abort', onClose, { once: true });
    this.engine.generate(request, AbortSignal.any([signal, closing]), hear);
  }

  close(): void {
    // With a reason, because without one every abort creates an error with its stack.
    this.closing.abort('the engine is restarted or stopped');
  }
}
