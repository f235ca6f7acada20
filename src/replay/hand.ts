import { OPENS_BLOCK } from '../governor/place';
import { type Mistake, mistakeAt } from './mistakes';
import { Random } from './random';

/** Median milliseconds between two keys of one word. */
export const SPEEDS = { slow: 250, average: 160, fast: 90 } as const;
export type Speed = keyof typeof SPEEDS;

/** Standard deviations of the logarithms of gaps and of pauses. */
const GAP_SIGMA = 0.35;
const PAUSE_SIGMA = 0.6;
const MEDIAN_PAUSE_MS = 1200;

/** Median time from the last wrong key until the typist notices. */
const NOTICING_MS = 200;

/** The gap before a key as a multiple of that within a word, and the probability of a pause before it. */
const GAPS = {
  withinWord: { factor: 1, pauses: 0.01 },
  wordStart: { factor: 1.3, pauses: 0.06 },
  symbol: { factor: 1.4, pauses: 0.03 },
  lineStart: { factor: 1.8, pauses: 0.35 },
  blockStart: { factor: 1.8, pauses: 0.5 },
} as const;

/** The time to read a suggestion. */
const READING_MS = { base: 250, perCharacter: 8, most: 600 };

/** A suggestion with fewer characters is typed as quickly as it is accepted. */
const WORTH_ACCEPTING = 3;

/** A simulated typist of one file. Its actions at a character depend only on the seed, the file and the offset. */
export class Hand {
  constructor(
    private readonly seed: number,
    private readonly file: string,
    private readonly speed: Speed,
    /** Share of the letters that are typed wrong. */
    private readonly mistakes = 0,
  ) {}

  /** The keys pressed in place of `text[offset]` before the typist notices; undefined if there is no mistake. */
  mistakeAt(text: string, offset: number): Mistake | undefined {
    return mistakeAt(text, offset, { seed: this.seed, file: this.file, share: this.mistakes });
  }

  /**
   * Milliseconds to the next key of a mistake.
   * @param step number of the key, from 1, deletions included; the gap before the first deletion is longer
   */
  mistakeGapMs({ keys }: Mistake, offset: number, step: number): number {
    const random = new Random(this.seed, this.file, offset, step);
    const gap = random.logNormal(SPEEDS[this.speed], GAP_SIGMA);
    return step === keys.length ? gap + random.logNormal(NOTICING_MS, GAP_SIGMA) : gap;
  }

  /** Milliseconds from the last action to the key of `text[offset]`. */
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
   * The part of a suggestion that is accepted: all of it, or the whole lines that are right, if that saves enough.
   * @param rest the text that is to be typed
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
  const before = text.slice(0, offset);
  const last = text[offset - 1] ?? '\n';
  if (/^\s*$/.test(text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset))) {
    return OPENS_BLOCK.test(before) ? 'blockStart' : 'lineStart';
  }
  const isWord = /[\w$]/.test(text[offset] ?? '');
  if (!isWord) return 'symbol';
  return /[\w$]/.test(last) ? 'withinWord' : 'wordStart';
}
