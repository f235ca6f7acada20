import { type Mistake, mistakeAt } from './mistakes';
import { Random } from './random';

/** Median milliseconds between two keys of one word. */
export const SPEEDS = { slow: 250, average: 160, fast: 90 } as const;
export type Speed = keyof typeof SPEEDS;

/** Spread of the gaps, and of the pauses for thought, as the deviation of their logarithm. */
const GAP_SIGMA = 0.35;
const PAUSE_SIGMA = 0.6;
const MEDIAN_PAUSE_MS = 1200;

/** From the last wrong key until the hand has seen it. */
const NOTICING_MS = 200;

/** How much longer than within a word the gap before a key is, and how often a pause for thought precedes it. */
const GAPS = {
  withinWord: { factor: 1, pauses: 0.01 },
  wordStart: { factor: 1.3, pauses: 0.06 },
  symbol: { factor: 1.4, pauses: 0.03 },
  lineStart: { factor: 1.8, pauses: 0.35 },
  blockStart: { factor: 1.8, pauses: 0.5 },
} as const;

/** Reading is quicker than typing: about so long for a suggestion of so many characters. */
const READING_MS = { base: 250, perCharacter: 8, most: 600 };

/** What saves fewer characters is as quickly typed as accepted. */
const WORTH_ACCEPTING = 3;

/** A simulated hand at a file. What it does at a character depends on the seed, the file and the place alone. */
export class Hand {
  constructor(
    private readonly seed: number,
    private readonly file: string,
    private readonly speed: Speed,
    /** Share of the letters that it gets wrong. */
    private readonly mistakes = 0,
  ) {}

  /** What it strikes in place of `text[offset]` before it notices, if it errs there. */
  mistakeAt(text: string, offset: number): Mistake | undefined {
    return mistakeAt(text, offset, { seed: this.seed, file: this.file, share: this.mistakes });
  }

  /**
   * Milliseconds to the next key of a mistake.
   * @param step of its keys and of those that take it back, from 1; the hand stops short before it takes back the first
   */
  mistakeGapMs({ keys }: Mistake, offset: number, step: number): number {
    const random = new Random(this.seed, this.file, offset, step);
    const gap = random.logNormal(SPEEDS[this.speed], GAP_SIGMA);
    return step === keys.length ? gap + random.logNormal(NOTICING_MS, GAP_SIGMA) : gap;
  }

  /** Milliseconds from what it did before to the key that writes `text[offset]`. */
  gapMs(text: string, offset: number): number {
    const random = new Random(this.seed, this.file, offset);
    const { factor, pauses } = GAPS[placeOf(text, offset)];
    const gap = random.logNormal(SPEEDS[this.speed] * factor, GAP_SIGMA);
    return random.next() < pauses ? gap + random.logNormal(MEDIAN_PAUSE_MS, PAUSE_SIGMA) : gap;
  }

  readingMs(suggestion: string): number {
    return Math.min(READING_MS.most, READING_MS.base + READING_MS.perCharacter * suggestion.length);
  }

  /**
   * How much of a suggestion it takes where `rest` is what it wants to write: all of it, or as many whole lines as are
   * right, where that saves enough; nothing of a line that goes wrong.
   */
  takes(suggestion: string, rest: string): string {
    let right = '';
    if (rest.startsWith(suggestion)) right = suggestion;
    else {
      const lines = suggestion.split('\n');
      for (let n = lines.length - 1; n > 0 && right === ''; n--) {
        const head = lines.slice(0, n).join('\n');
        if (rest === head || rest.startsWith(`${head}\n`)) right = head;
      }
    }
    return right.trim().length >= WORTH_ACCEPTING ? right : '';
  }
}

function placeOf(text: string, offset: number): keyof typeof GAPS {
  const before = text.slice(0, offset).trimEnd();
  const last = text[offset - 1] ?? '\n';
  if (/^\s*$/.test(text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset))) {
    return /[{([:]$|=>$/.test(before) ? 'blockStart' : 'lineStart';
  }
  const isWord = /[\w$]/.test(text[offset] ?? '');
  if (!isWord) return 'symbol';
  return /[\w$]/.test(last) ? 'withinWord' : 'wordStart';
}
