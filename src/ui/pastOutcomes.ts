import type { GateCause } from '../completion/gate';
import type { Outcome } from '../completion/outcome';
import { english, type Phrase } from '../localisation/phrase';

/** The outcome of a request, without any text of the document. */
export interface PastOutcome {
  readonly kind: Outcome['kind'];
  /** Undefined for a suggestion that was decoded and shown. */
  readonly reason: Phrase | undefined;
  /** The cause for which the gate closed. */
  readonly cause?: GateCause;
  /** Short name of the submodel that answered, or that came closest. */
  readonly size?: string;
  readonly latencyMs?: number;
  /** URI of the document, and its file name to show. */
  readonly document: string;
  readonly fileName: string;
  readonly timeMs: number;
  /** How many requests in a row had this outcome. */
  readonly times: number;
}

const MAX_KEPT = 50;

/** The last outcomes. Requests in a row with the same outcome for the same reason count as one. */
export class PastOutcomes {
  private outcomes: readonly PastOutcome[] = [];

  add(outcome: Omit<PastOutcome, 'times'>): void {
    const [newest, ...older] = this.outcomes;
    this.outcomes =
      newest && isSame(newest, outcome)
        ? [{ ...outcome, times: newest.times + 1 }, ...older]
        : [{ ...outcome, times: 1 }, ...this.outcomes].slice(0, MAX_KEPT);
  }

  clear(): void {
    this.outcomes = [];
  }

  /** Newest first. */
  last(count: number): readonly PastOutcome[] {
    return this.outcomes.slice(0, count);
  }

  /** The newest outcome in a document, without superseded ones if there is another. */
  lastIn(document: string): PastOutcome | undefined {
    const here = this.outcomes.filter((outcome) => outcome.document === document);
    return here.find(({ kind }) => kind !== 'superseded') ?? here[0];
  }
}

function isSame(a: Omit<PastOutcome, 'times'>, b: Omit<PastOutcome, 'times'>): boolean {
  return (
    a.kind === b.kind &&
    a.document === b.document &&
    a.size === b.size &&
    (wordsOf(a) === wordsOf(b) || !hasTellingReason(a))
  );
}

function wordsOf({ reason }: Pick<PastOutcome, 'reason'>): string | undefined {
  return reason && english(reason);
}

/** Whether the reason distinguishes outcomes: those of superseded and declined requests change with each key. */
function hasTellingReason({ kind }: Pick<PastOutcome, 'kind'>): boolean {
  return kind !== 'superseded' && kind !== 'declined';
}
