/** A cursor in a text as it is at one moment. */
export interface Place {
  readonly document: string;
  readonly version: number;
  readonly offset: number;
}

/** Tells a request that the editor was told to make from one that the user makes by hand, because both look the same. */
export class AskingAgain {
  /** Where the governor declined last. */
  private declinedAt: Place | undefined;
  /** Where the editor was told to ask again, until it has. */
  private expectedAt: Place | undefined;

  /** A request was answered. @param place if the governor declined it */
  answered(place: Place | undefined): void {
    this.declinedAt = place;
  }

  /** Whether the editor should ask again: not if anything has changed since the governor declined. */
  begin(place: Place): boolean {
    if (!isSame(place, this.declinedAt)) return false;
    this.expectedAt = place;
    return true;
  }

  /** Whether a request at a place is the one that the editor was told to make: one request is, and no later one. */
  take(place: Place): boolean {
    if (!isSame(place, this.expectedAt)) return false;
    this.expectedAt = undefined;
    return true;
  }

  /** The editor has done what it was told, whether a request came of it or not. */
  end(): void {
    this.expectedAt = undefined;
  }
}

function isSame(a: Place, b: Place | undefined): boolean {
  return a.document === b?.document && a.version === b.version && a.offset === b.offset;
}
