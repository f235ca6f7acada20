/** A position in a document, by the text around it. */
export interface DocumentPosition {
  /** Distinguishes documents. */
  readonly document: string;
  /** Text before the cursor, from some place in the document on. */
  readonly prefix: string;
  /** Text after the cursor, up to some place in the document. */
  readonly suffix: string;
}

/**
 * What was typed since earlier positions, as seen from a request. Every query about earlier output of one request shares
 * one of these, so that each position is compared with the request once.
 */
export class TypedSince {
  private readonly compared = new Map<DocumentPosition, string | undefined>();

  /** @param now the position of the request */
  constructor(readonly now: DocumentPosition) {}

  /** The text typed since the cursor was at `then`; undefined if something else changed, or in another document. */
  at(then: DocumentPosition): string | undefined {
    if (this.compared.has(then)) return this.compared.get(then);
    const typed = then.document === this.now.document ? typedBetween(then.prefix, this.now.prefix) : undefined;
    this.compared.set(then, typed);
    return typed;
  }
}

/** Excerpts that begin or end elsewhere show the same position if they have so much text in common. */
const SAME_CHARS = 200;
/** More than any suggestion is long. If more was typed, nothing that was suggested there is of use. */
const MAX_TYPED_CHARS = 1000;

/**
 * The text typed between two texts before the cursor; undefined if something else changed. The excerpt may have begun
 * earlier before, so the end of the earlier text is searched for in the later one.
 */
function typedBetween(then: string, now: string): string | undefined {
  if (now.startsWith(then)) return now.slice(then.length);
  const tail = then.slice(-SAME_CHARS);
  const recent = now.slice(-(SAME_CHARS + MAX_TYPED_CHARS));
  const at = tail.length < SAME_CHARS ? -1 : recent.lastIndexOf(tail);
  return at < 0 ? undefined : recent.slice(at + SAME_CHARS);
}

/** Whether two excerpts have the same text after the cursor: they may end at different places in it. */
export function isSameSuffix(a: string, b: string): boolean {
  const common = Math.min(a.length, b.length);
  return a === b || (common >= SAME_CHARS && a.slice(0, common) === b.slice(0, common));
}
