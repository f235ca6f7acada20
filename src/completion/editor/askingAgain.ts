/** A cursor in one version of a document. */
export interface EditorCursor {
  readonly document: string;
  readonly version: number;
  readonly offset: number;
}

/** Tells a request that the editor was told to make from one that the user makes by hand, because both look the same. */
export class AskingAgain {
  /** The cursor of the last declined request. */
  private declinedAt: EditorCursor | undefined;
  /** The cursor at which the editor was told to repeat the request, until it has. */
  private expectedAt: EditorCursor | undefined;

  /** A request was answered. @param cursor of the request if the governor declined it; undefined otherwise */
  answered(cursor: EditorCursor | undefined): void {
    this.declinedAt = cursor;
  }

  /** Whether the editor should ask again: not if anything has changed since the governor declined. */
  begin(cursor: EditorCursor): boolean {
    if (!isSame(cursor, this.declinedAt)) return false;
    this.expectedAt = cursor;
    return true;
  }

  /** Whether a request at a cursor is the one that the editor was told to make: one request is, and no later one. */
  take(cursor: EditorCursor): boolean {
    if (!isSame(cursor, this.expectedAt)) return false;
    this.expectedAt = undefined;
    return true;
  }

  /** The editor has done what it was told, whether a request came of it or not. */
  end(): void {
    this.expectedAt = undefined;
  }
}

function isSame(a: EditorCursor, b: EditorCursor | undefined): boolean {
  return a.document === b?.document && a.version === b.version && a.offset === b.offset;
}
