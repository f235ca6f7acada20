import type { Happening } from './tally';

/** A suggestion that stood this long was seen; one that went sooner only flashed up while the user typed on. */
export const SEEN_MS = 750;

/** Ghost text that the editor was given. */
export interface Offer {
  /** Number of the request that gave it. */
  readonly request: number;
  readonly document: string;
  /** Offset in the document. */
  readonly offset: number;
  readonly text: string;
  /** The submodel that wrote it. */
  readonly size: string;
}

/** A suggestion from its first appearance to its end, over all requests that showed what is left of it. */
interface Life {
  readonly firstRequest: number;
  lastRequest: number;
  readonly document: string;
  readonly size: string;
  readonly sinceMs: number;
  offset: number;
  /** What is left to accept. */
  rest: string;
  /** When something was typed that may have ended it: only the next offer tells. */
  doubtedMs: number | undefined;
  seen: boolean;
  accepted: boolean;
}

/**
 * Follows ghost text by what the editor's stable API tells: what was offered, what the document became, where the
 * cursor is. A whole acceptance is reported by the editor. A part of a suggestion that enters the document at once, in
 * more than one character, was accepted as a word or a line; one of a single character counts as typed.
 */
export class SuggestionLives {
  private live: Life | undefined;
  /** The one before, whose acceptance may be reported after its text has entered the document. */
  private ended: Life | undefined;

  constructor(private readonly record: (happening: Happening) => void) {}

  offered(offer: Offer, nowMs: number): void {
    const { live } = this;
    if (live?.document === offer.document && live.offset <= offer.offset && live.rest.endsWith(offer.text)) {
      live.lastRequest = offer.request;
      live.offset = offer.offset;
      live.rest = offer.text;
      live.doubtedMs = undefined;
      return;
    }
    this.end(nowMs);
    const { request, document, size, offset, text } = offer;
    const life = { firstRequest: request, lastRequest: request, document, size, sinceMs: nowMs, offset, rest: text };
    this.live = { ...life, doubtedMs: undefined, seen: false, accepted: false };
  }

  /** `text` took the place of something in the document, at `offset`. */
  edited(document: string, offset: number, text: string, nowMs: number): void {
    const { live } = this;
    if (live?.document !== document) return;
    const typed = text.replaceAll('\r\n', '\n');
    if (typed === '' || offset !== live.offset || !live.rest.startsWith(typed)) {
      live.doubtedMs ??= nowMs;
      return;
    }
    if (typed === live.rest) {
      this.end(nowMs);
      return;
    }
    live.offset += text.length;
    live.rest = live.rest.slice(typed.length);
    if (typed.length > 1) this.accept(live, typed);
  }

  /** The cursor went to `offset`. */
  moved(document: string, offset: number, nowMs: number): void {
    const { live } = this;
    if (!live || live.doubtedMs !== undefined) return;
    if (live.document !== document || live.offset !== offset) this.end(nowMs);
  }

  /**
   * The editor reports that what is left of a request's offer was accepted whole, or an alternative to it. Its text may be
   * in the document already.
   */
  accepted(request: number, alternative: string | undefined, nowMs: number): void {
    const isOf = (life: Life | undefined) => life && life.firstRequest <= request && request <= life.lastRequest;
    if (isOf(this.live)) this.end(nowMs);
    if (this.ended && isOf(this.ended)) this.accept(this.ended, alternative ?? this.ended.rest);
  }

  /** Nothing is shown any more. */
  end(nowMs: number): void {
    if (!this.live) return;
    if ((this.live.doubtedMs ?? nowMs) - this.live.sinceMs >= SEEN_MS) this.see(this.live);
    this.ended = this.live;
    this.live = undefined;
  }

  private accept(life: Life, text: string): void {
    this.see(life);
    // One key accepted it.
    this.record({ kind: 'accepted', size: life.size, savedKeys: keysFor(text) - 1, again: life.accepted });
    life.accepted = true;
  }

  private see(life: Life): void {
    if (!life.seen) this.record({ kind: 'shown', size: life.size });
    life.seen = true;
  }
}

/** Keys that typing a text takes: the editor indents a new line by itself. */
export function keysFor(text: string): number {
  return text.replaceAll(/\n[ \t]*/g, '\n').length;
}
