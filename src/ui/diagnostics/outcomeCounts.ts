import type { Outcome } from '../../completion/outcome';
import { englishWithoutNumbers } from '../../localisation/phrase';

export interface OutcomeCount {
  /** The kind of outcome with its reason: `empty: nothing to add`. */
  readonly outcome: string;
  readonly count: number;
}

/** More different ones than there are reasons in the program. */
const MAX_REASONS = 60;

/** How often requests ended in which way since the start. No text, no name and no place of a document is kept. */
export class OutcomeCounts {
  private readonly counts = new Map<string, number>();

  add(outcome: Outcome): void {
    const key = keyOf(outcome);
    const known = this.counts.has(key) || this.counts.size < MAX_REASONS ? key : `${outcome.kind}: other reasons`;
    this.counts.set(known, (this.counts.get(known) ?? 0) + 1);
  }

  /** The most frequent ones first. */
  get all(): readonly OutcomeCount[] {
    return [...this.counts]
      .map(([outcome, count]) => ({ outcome, count }))
      .sort((a, b) => b.count - a.count || a.outcome.localeCompare(b.outcome));
  }
}

function keyOf(outcome: Outcome): string {
  if (outcome.kind === 'gated') return `gated: ${outcome.cause}`;
  if (!('reason' in outcome)) return outcome.kind;
  // The pace of typing and the shares of a core differ each time. The digits of a path stay, so that it is recognised.
  return `${outcome.kind}: ${englishWithoutNumbers(outcome.reason)}`;
}
