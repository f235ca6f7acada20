import type { Engine } from '../../engine/engine';
import type { Tokenizer } from '../../matlm/tokenizer';
import { scoreBoundAt } from '../decode/confidence';
import { decode, type Decoded } from '../decode/decode';
import type { Outcome } from '../outcome';
import type { Plan } from '../plan';
import { typedSince } from './reuse';
import type { CompletionRequest } from '../request';
import type { Trace } from '../trace';

/** Brackets and quotes as the editor inserts them, the second one by itself. */
const CLOSED_PAIRS = new Set(['()', '[]', '{}', '""', "''", '``']);

export interface FlightParts {
  readonly engine: Engine;
  readonly tokenizer: Tokenizer;
  /** Of the submodel's score. */
  readonly weights: readonly number[] | undefined;
  /** The engine has read the prompt. */
  readonly onRead: () => void;
  readonly finish: (decoded: Decoded) => Outcome;
}

/** Asked for; or by nobody yet: what follows the suggestion that is shown, or what a larger submodel has in its place. */
export type Purpose = 'asked' | 'ahead' | 'better';

/** A decode under way. It outlives a cancelled request, for a cancelled request is mostly one more key typed. */
export class Flight {
  readonly outcome: Promise<Outcome>;
  /** It began on another backend: how long it took tells nothing of either. */
  hasMoved = false;
  private readonly controller = new AbortController();
  /** What is decoded so far. */
  private written = '';
  /** What was typed since it began. */
  private typed = '';

  constructor(
    { engine, tokenizer, weights, onRead, finish }: FlightParts,
    readonly plan: Plan,
    readonly purpose: Purpose,
    trace: Trace,
  ) {
    const { prompt, decision, trim, cursor, minScore } = plan;
    let isRead = false;
    const onProgress = (text: string) => {
      this.written = text;
      if (!isRead) trace.end('prefill');
      isRead = true;
      // Only what was read is in the engine's cache: a decode that is aborted before leaves no trace there.
      onRead();
    };
    this.outcome = decode(engine, tokenizer, prompt, decision, trim, this.controller.signal, {
      scoreBound: scoreBoundAt(cursor, weights, minScore),
      onProgress,
    }).then((decoded) => {
      trace.end('decode');
      return finish(decoded);
    });
  }

  /** Whether what it writes may serve a request, as far as can be seen by now. */
  serves(request: CompletionRequest): boolean {
    if (request.explicit || request.document !== this.plan.request.document) return false;
    const typed = typedSince(this.plan.request, request);
    return typed !== undefined && this.agreesWith(typed);
  }

  /** Whether it still agrees with the text after a change of its document. */
  survives(inserted: string, removedChars: number): boolean {
    if (this.purpose === 'ahead') return true;
    // The editor closes brackets and quotes by itself.
    this.typed += CLOSED_PAIRS.has(inserted) ? inserted.slice(0, 1) : inserted;
    return removedChars === 0 && this.agreesWith(this.typed);
  }

  stop(): void {
    this.controller.abort('what was typed diverged from it');
  }

  /**
   * What is written may still become what is typed, or the other way round. What nobody waits for is not waited for now:
   * it has to have written that already.
   */
  private agreesWith(typed: string): boolean {
    const { written, purpose } = this;
    return written.startsWith(typed) || (purpose !== 'better' && typed.startsWith(written));
  }
}
