import { TYPING_GAP_MS } from '../governor/typing';
import { USER_CONTINUES } from './abort';
import type { CompletionRequest } from './request';
import type { Stages } from './stages';

export interface RetriggerParts {
  readonly wait: Stages['wait'];
  /** The user pauses after a declined request, so the editor should make another one. */
  readonly onRested: (request: CompletionRequest) => void;
}

/** Repeats a declined request once the user pauses, because an editor makes requests only after keys. */
export class Retrigger {
  private waiting = new AbortController();
  private document: string | undefined;

  constructor(private readonly parts: RetriggerParts) {}

  /** A declined request that may be answered in a pause. */
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
    this.waiting.abort(USER_CONTINUES);
  }
}
