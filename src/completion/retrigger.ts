import { TYPING_GAP_MS } from '../governor/typing';
import type { CompletionRequest } from './request';

export interface RetriggerParts {
  /** Resolves after so long by the clock, or at once when the signal aborts. */
  readonly wait: (delayMs: number, signal: AbortSignal) => Promise<void>;
  /** The hand rests where a request was declined: the editor should ask again. */
  readonly onRested: (request: CompletionRequest) => void;
}

/** Given as a string: without a reason every abort makes an error with its stack, which takes longer than the abort. */
const TYPING_GOES_ON = 'typing goes on';

/** An editor asks after a key and not again in the pause that follows, so what was declined at the key is asked for here. */
export class Retrigger {
  private waiting = new AbortController();
  private document: string | undefined;

  constructor(private readonly parts: RetriggerParts) {}

  /** A request was declined that may be answered once the hand rests. */
  async declined(request: CompletionRequest): Promise<void> {
    this.cancel();
    const { signal } = (this.waiting = new AbortController());
    this.document = request.document;
    await this.parts.wait(TYPING_GAP_MS, signal);
    if (!signal.aborted) this.parts.onRested(request);
  }

  edited(document: string): void {
    if (document === this.document) this.cancel();
  }

  cancel(): void {
    this.waiting.abort(TYPING_GOES_ON);
  }
}
