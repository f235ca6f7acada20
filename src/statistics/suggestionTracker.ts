import type { UsageEvent } from './counts';

/** A suggestion visible for this long counts as seen; one that disappeared earlier only flashed up during typing. */
export const SEEN_MS = 750;

/** A suggestion as one request gave it to the editor. */
export interface OfferedSuggestion {
  /** Number of the request. */
  readonly request: number;
  readonly document: string;
  /** Offset in the document. */
  readonly offset: number;
  readonly text: string;
  /** Short name of the size that wrote it. */
  readonly size: string;
}

/** A suggestion from its first appearance to its end, over all requests that showed its remaining text. */
interface Tracked {
  readonly firstRequest: number;
  lastRequest: number;
  readonly document: string;
  readonly size: string;
  readonly sinceMs: number;
  offset: number;
  /** The text that is not typed or accepted yet. */
  rest: string;
  /** Time of an edit that may have ended the suggestion: only the next offer tells. */
  doubtedMs: number | undefined;
  seen: boolean;
  accepted: boolean;
}

/**
 * Follows ghost text using the stable API of the editor: the offered text, the edits of the document and the position of
 * the cursor. The editor reports if a suggestion is accepted entirely. A part of a suggestion that enters the document at
 * once, in more than one character, was accepted as a word or a line; a single character counts as typed.
 */
export class SuggestionTracker {
  private live: Tracked | undefined;
  /** The previous suggestion, because its acceptance may be reported after its text has entered the document. */
  private ended: Tracked | undefined;

  constructor(private readonly record: (event: UsageEvent) => void) {}

  offered(suggestion: OfferedSuggestion, nowMs: number): void {
    const { live } = this;
    const { request, document, size, offset, text } = suggestion;
    if (live?.document === document && live.offset <= offset && live.rest.endsWith(text)) {
      live.lastRequest = request;
      live.offset = offset;
      live.rest = text;
      live.doubtedMs = undefined;
      return;
    }
    this.end(nowMs);
    const tracked = { firstRequest: request, lastRequest: request, document, size, sinceMs: nowMs, offset, rest: text };
    this.live = { ...tracked, doubtedMs: undefined, seen: false, accepted: false };
  }

  /** `text` replaced something in the document at `offset`. */
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

  /** The cursor moved to `offset`. */
  moved(document: string, offset: number, nowMs: number): void {
    const { live } = this;
    if (!live || live.doubtedMs !== undefined) return;
    if (live.document !== document || live.offset !== offset) this.end(nowMs);
  }

  /**
   * The editor reports that the remaining text of a request's suggestion was accepted entirely, or an alternative to it.
   * The accepted text may already be in the document.
   */
  accepted(request: number, alternative: string | undefined, nowMs: number): void {
    const isOf = (tracked: Tracked | undefined) =>
      tracked && tracked.firstRequest <= request && request <= tracked.lastRequest;
    if (isOf(this.live)) this.end(nowMs);
    if (this.ended && isOf(this.ended)) this.accept(this.ended, alternative ?? this.ended.rest);
  }

  /** No suggestion is visible any more. */
  end(nowMs: number): void {
    if (!this.live) return;
    if ((this.live.doubtedMs ?? nowMs) - this.live.sinceMs >= SEEN_MS) this.see(this.live);
    this.ended = this.live;
    this.live = undefined;
  }

  private accept(tracked: Tracked, text: string): void {
    this.see(tracked);
    // Accepting takes one key.
    this.record({ kind: 'accepted', size: tracked.size, savedKeys: keysFor(text) - 1, again: tracked.accepted });
    tracked.accepted = true;
  }

  private see(tracked: Tracked): void {
    if (!tracked.seen) this.record({ kind: 'shown', size: tracked.size });
    tracked.seen = true;
  }
}

/** Keystrokes needed to type a text: the editor indents a new line by itself. */
export function keysFor(text: string): number {
  return text.replaceAll(/\n[ \t]*/g, '\n').length;
}
