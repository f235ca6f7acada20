import type { CodePlace } from './place';

/** A longer gap between keys is a pause. */
export const TYPING_GAP_MS = 400;

/** Changes within a shorter time belong to one key, such as an auto-closed bracket or a paste. */
const SAME_KEY_MS = 15;

/** After this time without a key, the earlier rhythm is forgotten. */
const MEMORY_MS = 3000;
const REMEMBERED_GAPS = 12;

/** How often a pause follows a key, before anything is known about this user. */
const PAUSES: Readonly<Record<CodePlace, number>> = {
  'block start': 0.5,
  'line start': 0.35,
  'after a dot': 0.1,
  'word start': 0.1,
  'inside a word': 0.05,
  'deep in a word': 0.05,
  'after a symbol': 0.1,
  'statement end': 0.2,
  comment: 0.1,
};

/** Weight of a prior, in keys. */
const PRIOR_KEYS = 20;
/** Counts are halved above this number of keys, so that they follow changes. */
const REMEMBERED_KEYS = 400;

interface KeyCounts {
  keys: number;
  pauses: number;
}

/** The rhythm of the user's typing. It holds times and counts, and no text. */
export class TypingRhythm {
  private gaps: number[] = [];
  private lastKeyMs: number | undefined;
  private lastPlace: CodePlace | undefined;
  private readonly counts = new Map<CodePlace, KeyCounts>();

  /**
   * The text changed.
   * @param place of the cursor after the change
   */
  key(timeMs: number, place?: CodePlace): void {
    if (this.lastKeyMs !== undefined) {
      const gapMs = timeMs - this.lastKeyMs;
      if (gapMs < SAME_KEY_MS) {
        this.lastPlace = place;
        return;
      }
      if (this.lastPlace !== undefined) this.count(this.lastPlace, gapMs >= TYPING_GAP_MS);
      if (gapMs > MEMORY_MS) this.gaps = [];
      else if (gapMs < TYPING_GAP_MS) this.gaps = [...this.gaps, gapMs].slice(-REMEMBERED_GAPS);
    }
    this.lastKeyMs = timeMs;
    this.lastPlace = place;
  }

  /** Median gap between keys in milliseconds; undefined in a pause. */
  gapMs(nowMs: number): number | undefined {
    if (this.lastKeyMs === undefined || nowMs - this.lastKeyMs > TYPING_GAP_MS || this.gaps.length < 2)
      return undefined;
    const sorted = this.gaps.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }

  /** The probability that no key follows within TYPING_GAP_MS of one that leaves the cursor at a place, 0 to 1. */
  pauseChance(place: CodePlace): number {
    const { keys, pauses } = this.at(place);
    return pauses / keys;
  }

  private count(place: CodePlace, isPause: boolean): void {
    const counts = this.at(place);
    counts.keys++;
    if (isPause) counts.pauses++;
    if (counts.keys <= REMEMBERED_KEYS) return;
    counts.keys /= 2;
    counts.pauses /= 2;
  }

  private at(place: CodePlace): KeyCounts {
    const known = this.counts.get(place);
    if (known) return known;
    const fresh = { keys: PRIOR_KEYS, pauses: PRIOR_KEYS * PAUSES[place] };
    this.counts.set(place, fresh);
    return fresh;
  }
}
