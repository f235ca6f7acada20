import type { CodePlace } from './place';

/** Longer gaps than this are thinking, not typing. */
export const TYPING_GAP_MS = 400;

/** Changes nearer together than this come of one key: a bracket that closes itself, a paste. */
const SAME_KEY_MS = 15;

/** After this long without a key, what was typed before says nothing of the next one. */
const MEMORY_MS = 3000;
const REMEMBERED_GAPS = 12;

/** How often a pause follows a key, before anything is known of this hand. */
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

/** A prior weighs as many keys, and the past no more than these. */
const PRIOR_KEYS = 20;
const REMEMBERED_KEYS = 400;

interface Counts {
  keys: number;
  pauses: number;
}

/** The rhythm of a hand on the keyboard. It holds times and counts, never what was typed. */
export class TypingRhythm {
  private gaps: number[] = [];
  private lastKeyMs: number | undefined;
  private lastPlace: CodePlace | undefined;
  private readonly counts = new Map<CodePlace, Counts>();

  /**
   * A change of the text.
   * @param place where it left the cursor
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

  /** Median gap between keys in milliseconds, or undefined where nobody is typing. */
  gapMs(nowMs: number): number | undefined {
    if (this.lastKeyMs === undefined || nowMs - this.lastKeyMs > TYPING_GAP_MS || this.gaps.length < 2)
      return undefined;
    const sorted = this.gaps.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }

  /** How likely no key follows within TYPING_GAP_MS of one that leaves the cursor at such a place, 0 to 1. */
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

  private at(place: CodePlace): Counts {
    const known = this.counts.get(place);
    if (known) return known;
    const fresh = { keys: PRIOR_KEYS, pauses: PRIOR_KEYS * PAUSES[place] };
    this.counts.set(place, fresh);
    return fresh;
  }
}
