import type { Phrase } from '../../localisation/phrase';
import type { Plan, Purpose } from '../plan';
import { keyOfPair } from '../syntax/closers';
import type { Generation } from './generation';
import type { TypedSince } from './typedSince';

/** How a decode ended. */
export type Ended =
  | { readonly kind: 'generated'; readonly generation: Generation }
  | { readonly kind: 'superseded'; readonly reason: Phrase }
  | { readonly kind: 'failed'; readonly reason: Phrase };

/**
 * A running decode. It outlives a cancelled request, because most requests are cancelled by the next key, and that key
 * often agrees with the decoded text.
 */
export class InFlightCompletion {
  /** Never rejects. */
  readonly ended: Promise<Ended>;
  /** It moved to another backend, so its duration is a measurement of neither. */
  hasMoved = false;
  /** The text decoded so far. */
  written = '';
  /** The text typed since it began, by the edits so far. */
  private typed = '';
  private readonly controller = new AbortController();

  /** @param run decodes until the signal aborts, and updates `written` */
  constructor(
    readonly plan: Plan,
    readonly purpose: Purpose,
    run: (self: InFlightCompletion) => Promise<Ended>,
  ) {
    this.ended = run(this);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  stop(): void {
    this.controller.abort('its decode is no longer needed');
  }

  /** Whether it may answer a request at another position, by the text decoded so far. */
  isJoinable(since: TypedSince, settingsKey: string): boolean {
    const typed = this.plan.settings.key === settingsKey ? since.at(this.plan.request) : undefined;
    return typed !== undefined && mayBecome(this, typed);
  }

  /** Whether it still agrees with its document after an edit there. */
  survives(inserted: string, removedChars: number): boolean {
    // It was started for the document after the acceptance.
    if (this.purpose === 'speculative') return true;
    this.typed += keyOfPair(inserted, this.plan.cursor.languageId);
    return removedChars === 0 && mayBecome(this, this.typed);
  }
}

/**
 * Whether a decode may still produce the typed text, so that one text begins with the other. No request waits for a
 * refinement, so it is kept only if it has already generated the typed text.
 */
export function mayBecome(
  { written, purpose }: Pick<InFlightCompletion, 'written' | 'purpose'>,
  typed: string,
): boolean {
  return written.startsWith(typed) || (purpose !== 'refinement' && typed.startsWith(written));
}
