import type { CursorContext } from '../../governor/place';
import type { Suggestion, Work } from '../outcome';
import { type Place, type Remembered, typedAlong } from './reuse';

/** A suggestion that stands at the cursor, or would. */
export interface Standing extends Remembered {
  /** The key of the terms that it was made under. */
  readonly terms: string;
  /** The name of the submodel that wrote it. */
  readonly submodel: string;
  readonly cursorContext: CursorContext;
  /** What it took, until a request has shown it: the one that began the decode may have been cancelled. */
  unreported: Work | undefined;
}

/** What is left of a suggestion. */
export interface Left {
  readonly from: Standing;
  readonly suggestion: Suggestion;
}

/**
 * What is shown, and what a larger submodel would have said there. That never takes the place of what is being read: it is
 * for what is shown next, when the text has changed or the user asks by hand.
 */
export class Screen {
  private current: Standing | undefined;
  private better: Standing | undefined;
  /** The text before the cursor where it was shown last. */
  private seenAt: string | undefined;

  get shown(): Standing | undefined {
    return this.current;
  }

  show(standing: Standing): void {
    this.current = standing;
    this.better = undefined;
    this.seenAt = standing.prefix;
  }

  improve(better: Standing): void {
    this.better = better;
  }

  clear(): void {
    this.current = undefined;
    this.better = undefined;
  }

  /** What is left for a place that typing along led to. */
  leftAt(now: Place & { readonly explicit: boolean }, terms: string): Left | undefined {
    const { current, better } = this;
    const isNext = now.explicit || now.prefix !== this.seenAt;
    const left = (isNext ? leftOf(better, now, terms) : undefined) ?? leftOf(current, now, terms);
    if (!left) return undefined;
    if (left.from === better) this.show(better);
    this.seenAt = now.prefix;
    return left;
  }
}

function leftOf(from: Standing | undefined, now: Place, terms: string): Left | undefined {
  const suggestion = from?.terms === terms ? typedAlong(from, now) : undefined;
  return from && suggestion && { from, suggestion };
}
