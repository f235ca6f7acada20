import type { Expectations } from './decide';
import { type CodePlace, PLACES } from './place';

/** What a request at a place has come to, per request, had XL answered it. */
export interface Expectation {
  /** Share of the requests whose suggestion the text then came to hold: all of it, or its first lines. */
  readonly rightShare: number;
  /** Characters that were right where it did. */
  readonly characters: number;
  /** Of the engine over the weights, to decode. */
  readonly passes: number;
}

/** Measured by replaying files that no checkpoint was trained on, before anything is known of this user. */
export const PRIORS: Readonly<Record<CodePlace, Expectation>> = {
  'block start': { rightShare: 0.24, characters: 10, passes: 12 },
  'line start': { rightShare: 0.17, characters: 5, passes: 3.5 },
  'after a dot': { rightShare: 0.04, characters: 5, passes: 4.5 },
  'word start': { rightShare: 0.05, characters: 5, passes: 3.6 },
  'inside a word': { rightShare: 0.03, characters: 4, passes: 3.5 },
  'deep in a word': { rightShare: 0.05, characters: 3, passes: 5 },
  'after a symbol': { rightShare: 0.06, characters: 6, passes: 4.5 },
  'statement end': { rightShare: 0.11, characters: 4, passes: 2.5 },
  comment: { rightShare: 0.03, characters: 3, passes: 2 },
};

/** A prior weighs as many requests, and the past no more than these. */
const PRIOR_REQUESTS = 20;
const REMEMBERED_REQUESTS = 400;

interface Counts {
  requests: number;
  right: number;
  characters: number;
  passes: number;
}

/** What suggestions have come to at each kind of place: counts, no text. */
export class History implements Expectations {
  private readonly counts = new Map<CodePlace, Counts>();
  private readonly declines = new Map<CodePlace, number>();

  expect(place: CodePlace): Expectation {
    const { requests, right, characters, passes } = this.at(place);
    return { rightShare: right / requests, characters: characters / right, passes: passes / requests };
  }

  expectInLine(): Expectation {
    const places = PLACES.filter((place) => !place.endsWith('start') || place === 'word start').map((place) =>
      this.at(place),
    );
    const sum = (of: keyof Counts) => places.reduce((total, counts) => total + counts[of], 0);
    return {
      rightShare: sum('right') / sum('requests'),
      characters: sum('characters') / sum('right'),
      passes: sum('passes') / sum('requests'),
    };
  }

  declinedInARow(place: CodePlace): number {
    return this.declines.get(place) ?? 0;
  }

  declined(place: CodePlace): void {
    this.declines.set(place, this.declinedInARow(place) + 1);
  }

  /** A request was answered. @param passes that it took to decode */
  answered(place: CodePlace, passes: number): void {
    this.declines.delete(place);
    const counts = this.at(place);
    counts.requests++;
    counts.passes += passes;
    if (counts.requests <= REMEMBERED_REQUESTS) return;
    for (const key of ['requests', 'right', 'characters', 'passes'] as const) counts[key] /= 2;
  }

  /**
   * Of what was suggested at a place, the text now holds so many characters.
   * @param quality of the submodel that suggested it, of XL's: what it got right, XL would have got right more often
   */
  agreed(place: CodePlace, characters: number, quality: number): void {
    const counts = this.at(place);
    counts.right += 1 / quality;
    counts.characters += characters / quality;
  }

  private at(place: CodePlace): Counts {
    const known = this.counts.get(place);
    if (known) return known;
    const { rightShare, characters, passes } = PRIORS[place];
    const right = PRIOR_REQUESTS * rightShare;
    const fresh = { requests: PRIOR_REQUESTS, right, characters: right * characters, passes: PRIOR_REQUESTS * passes };
    this.counts.set(place, fresh);
    return fresh;
  }
}
