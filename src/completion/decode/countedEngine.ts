import type { Engine, GenerateEvent, GenerateRequest } from '../../engine/engine';
import type { DutyCycle } from '../../governor/dutyCycle';

/** An engine whose work is recorded in a duty cycle. */
export class CountedEngine implements Engine {
  /** @param now milliseconds of a clock that never goes back */
  constructor(
    private readonly inner: Engine,
    private readonly dutyCycle: DutyCycle,
    private readonly now: () => number,
  ) {}

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    const startedMs = this.now();
    let isRead = false;
    this.inner.generate(request, signal, (event) => {
      const nowMs = this.now();
      if (event.type === 'prefill') {
        isRead = true;
        this.dutyCycle.worked(nowMs - event.prefillMs, nowMs);
      } else if (event.type === 'end') {
        // An aborted prefill reports no time.
        this.dutyCycle.worked(isRead ? nowMs - event.decodeMs : startedMs, nowMs);
      }
      listener(event);
    });
  }
}
