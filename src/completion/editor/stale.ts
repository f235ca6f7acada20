/** What a position in a document depends on, when a request for it was made. */
export interface Moment {
  readonly version: number;
  readonly line: number;
  readonly character: number;
}

/** A document now. */
export interface DocumentNow {
  readonly version: number;
  readonly isClosed: boolean;
  readonly lineCount: number;
  /** Length of a line in characters. */
  readonly lineLength: (line: number) => number;
}

/**
 * Whether a position no longer means what it meant when the request was made, because the document has changed or was
 * closed. To be asked after every wait and before the document is read: text for a stale position would be inserted in the
 * wrong place.
 */
export function isStale(asked: Moment, now: DocumentNow): boolean {
  return (
    now.isClosed ||
    now.version !== asked.version ||
    asked.line >= now.lineCount ||
    asked.character > now.lineLength(asked.line)
  );
}
