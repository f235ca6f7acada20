/** The position of a request in a version of its document. */
export interface RequestedPosition {
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
 * Whether a position is invalid because its document has changed or was closed. Check it after every wait and before the
 * document is read, because text for a stale position would be inserted in the wrong place.
 */
export function isStale(requested: RequestedPosition, now: DocumentNow): boolean {
  return (
    now.isClosed ||
    now.version !== requested.version ||
    requested.line >= now.lineCount ||
    requested.character > now.lineLength(requested.line)
  );
}
