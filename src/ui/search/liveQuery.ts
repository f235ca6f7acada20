import type { Clock } from '../../machine/clock';
import type { SearchAnswer } from '../../search/search';

export interface LiveQueryParts<Hit> {
  readonly clock: Clock;
  readonly search: (
    query: string,
    options: { readonly submodel?: string; readonly isUnfinished: boolean; readonly signal: AbortSignal },
  ) => Promise<SearchAnswer<Hit>>;
  /** The size that embeds a query; undefined if the search is to choose. */
  readonly sizeFor: (isPausing: boolean) => string | undefined;
  /** @param isRefined by the size of a pause, or because the index has grown */
  readonly onAnswer: (answer: SearchAnswer<Hit>, isRefined: boolean) => void;
  readonly onFault: (fault: unknown) => void;
  /** The query is empty. */
  readonly onEmpty: () => void;
  /** A search begins or ends. */
  readonly onBusy: (isBusy: boolean) => void;
}

/** No key for so long is a pause. */
export const PAUSE_MS = 300;
/** A key that comes before an answer could be there costs no search; but the first results should not wait longer. */
const MIN_WAIT_MS = 15;
const MAX_WAIT_MS = 120;
/** An index that grows is asked again so often. */
const AGAIN_MS = 2000;

/**
 * Searches while a query is typed: each key stops the search before it, and a pause asks a larger size, whose answer refines the
 * first one.
 */
export class LiveQuery<Hit> {
  private query = '';
  /** Whether no blank says that its last word is whole. */
  private isUnfinished = false;
  private abort = new AbortController();
  private waitMs = MIN_WAIT_MS;
  private askedMs = -Infinity;
  private running = 0;
  /** Searches are numbered, because a large size may overtake a small one. */
  private asked = 0;
  private answered = 0;
  private readonly cancels = new Set<() => void>();

  constructor(private readonly parts: LiveQueryParts<Hit>) {}

  /** The text of the query now. */
  type(text: string): void {
    const query = text.trim();
    if (query === this.query) return; // a blank at the end
    this.stop();
    this.query = query;
    this.isUnfinished = /\S$/.test(text);
    if (query === '') {
      this.parts.onEmpty();
      return;
    }
    this.later(this.waitMs, () => void this.ask(false));
    this.later(Math.max(PAUSE_MS, this.waitMs), () => void this.refine());
  }

  /** The index has grown: the same query may find more. */
  again(): void {
    const { clock } = this.parts;
    if (this.query === '' || this.running > 0 || clock.now() - this.askedMs < AGAIN_MS) return;
    void this.ask(true);
  }

  dispose(): void {
    this.stop();
    this.query = '';
  }

  private async refine(): Promise<void> {
    const { sizeFor } = this.parts;
    if (sizeFor(true) !== sizeFor(false)) await this.ask(true);
  }

  private async ask(isRefined: boolean): Promise<void> {
    const { clock, search, sizeFor, onAnswer, onFault } = this.parts;
    const { isUnfinished } = this;
    const { signal } = this.abort;
    const submodel = sizeFor(isRefined);
    const number = ++this.asked;
    this.askedMs = clock.now();
    this.busy(1);
    try {
      const answer = await search(this.query, {
        signal,
        isUnfinished,
        ...(submodel === undefined ? {} : { submodel }),
      });
      if (signal.aborted || number < this.answered) return;
      this.answered = number;
      if (!isRefined) this.waitMs = Math.min(MAX_WAIT_MS, Math.max(MIN_WAIT_MS, clock.now() - this.askedMs));
      onAnswer(answer, isRefined);
    } catch (error) {
      if (!signal.aborted && number > this.answered) onFault(error);
    } finally {
      this.busy(-1);
    }
  }

  private busy(change: 1 | -1): void {
    const before = this.running;
    this.running += change;
    if (before === 0 || this.running === 0) this.parts.onBusy(this.running > 0);
  }

  private later(delayMs: number, run: () => void): void {
    const cancel = this.parts.clock.after(delayMs, () => {
      this.cancels.delete(cancel);
      run();
    });
    this.cancels.add(cancel);
  }

  private stop(): void {
    this.abort.abort();
    this.abort = new AbortController();
    for (const cancel of this.cancels) cancel();
    this.cancels.clear();
  }
}
