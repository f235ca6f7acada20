/** Longer gaps than this are thinking, not typing. */
export const TYPING_GAP_MS = 400;

/** Changes nearer together than this come of one key: a bracket that closes itself, a paste. */
const SAME_KEY_MS = 15;

/** After this long without a key, what was typed before says nothing of the next one. */
const MEMORY_MS = 3000;
const REMEMBERED_GAPS = 12;

/** The rhythm of a hand on the keyboard. */
export class TypingRhythm {
  private gaps: number[] = [];
  private lastKeyMs: number | undefined;

  /** A change of the text at `timeMs`. */
  key(timeMs: number): void {
    if (this.lastKeyMs !== undefined) {
      const gapMs = timeMs - this.lastKeyMs;
      if (gapMs < SAME_KEY_MS) return;
      if (gapMs > MEMORY_MS) this.gaps = [];
      else if (gapMs < TYPING_GAP_MS) this.gaps = [...this.gaps, gapMs].slice(-REMEMBERED_GAPS);
    }
    this.lastKeyMs = timeMs;
  }

  /** Median gap between keys in milliseconds, or undefined where nobody is typing. */
  gapMs(nowMs: number): number | undefined {
    if (this.lastKeyMs === undefined || nowMs - this.lastKeyMs > TYPING_GAP_MS || this.gaps.length < 2)
      return undefined;
    const sorted = this.gaps.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }
}
