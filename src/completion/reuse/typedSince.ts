/** A position in a document, identified by the text around it. */
export interface DocumentPosition {
  /** Distinguishes documents. */
  readonly document: string;
  /** Text before the cursor, from some place in the document on. */
  readonly prefix: string;
  /** Text after the cursor, up to some place in the document. */
  readonly suffix: string;
}

/**
 * The text typed between earlier positions and a request. All queries of a request share one instance, so each position
 * is compared once.
 */
export class TypedSince {
  private readonly compared = new Map<DocumentPosition, string | undefined>();

  /** @param now the position of the request */
  constructor(readonly now: DocumentPosition) {}

  /** The text typed since the cursor was at `then`; undefined if other text changed, or in another document. */
  at(then: DocumentPosition): string | undefined {
    if (this.compared.has(then)) return this.compared.get(then);
    const typed = then.document === this.now.document ? typedBetween(then.prefix, this.now.prefix) : undefined;
    this.compared.set(then, typed);
    return typed;
  }

  /**
   * Whether all of the text before `then` that both excerpts show is still the same. `at` compares the end of it only,
   * because accepting a suggestion may add an import above.
   */
  isSameAbove(then: DocumentPosition): boolean {
    const typed = this.at(then);
    if (typed === undefined) return false;
    const { prefix } = this.now;
    const before = prefix.slice(0, prefix.length - typed.length);
    return before.endsWith(then.prefix) || then.prefix.endsWith(before);
  }
}

/** Two excerpts with different bounds show the same position if they share this many characters. */
const SAME_CHARS = 200;
/** Longer than any suggestion. If more was typed, no suggestion from that position is of use. */
const MAX_TYPED_CHARS = 1000;

/**
 * The text typed between two texts before the cursor; undefined if other text changed. The earlier excerpt may begin
 * before the later one, so its end is searched for in the later one.
 */
function typedBetween(then: string, now: string): string | undefined {
  if (now.startsWith(then)) return now.slice(then.length);
  const tail = then.slice(-SAME_CHARS);
  const recent = now.slice(-(SAME_CHARS + MAX_TYPED_CHARS));
  const at = tail.length < SAME_CHARS ? -1 : recent.lastIndexOf(tail);
  return at < 0 ? undefined : recent.slice(at + SAME_CHARS);
}

/** Whether two excerpts have the same text after the cursor. They may end at different offsets. */
export function isSameSuffix(a: string, b: string): boolean {
  const common = Math.min(a.length, b.length);
  return a === b || (common >= SAME_CHARS && a.slice(0, common) === b.slice(0, common));
}
