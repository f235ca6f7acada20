import type { Expectation, Expectations } from './expectation';
import { type CodePlace, PLACES, type CursorContext, cursorContextAt } from './place';

/** What is expected of a place before anything is known of this user. */
interface Prior extends Expectation {
  /** The share where the text before the cursor stands somewhere else too. */
  readonly rightShareSeen: number;
}

/** Measured by completing at every place of files that no checkpoint was trained on. */
const PRIORS: Readonly<Record<CodePlace, Prior>> = {
  'block start': { rightShare: 0.005, rightShareSeen: 0.035, characters: 7, passes: 1.5 },
  'line start': { rightShare: 0.02, rightShareSeen: 0.1, characters: 5, passes: 1.6 },
  'after a dot': { rightShare: 0.1, rightShareSeen: 0.1, characters: 10, passes: 2.5 },
  'word start': { rightShare: 0.06, rightShareSeen: 0.16, characters: 9, passes: 1.4 },
  'inside a word': { rightShare: 0.24, rightShareSeen: 0.26, characters: 6, passes: 2.9 },
  'deep in a word': { rightShare: 0.155, rightShareSeen: 0.17, characters: 5.5, passes: 2.9 },
  'after a symbol': { rightShare: 0.1, rightShareSeen: 0.3, characters: 6, passes: 2 },
  'statement end': { rightShare: 0.12, rightShareSeen: 0.12, characters: 2.5, passes: 1 },
  comment: { rightShare: 0.055, rightShareSeen: 0.135, characters: 5.7, passes: 1.9 },
};
/** If the model diverged, it is right so much less often, and takes longer to find that it is not sure. */
const DIVERGED = { rightShare: 0.5, passes: 1.4 };

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
  private readonly counts = new Map<string, Counts & { readonly context: CursorContext }>();

  expect(context: CursorContext): Expectation {
    return expectationOf([this.at(context)]);
  }

  expectInLine(): Expectation {
    for (const place of IN_LINE) this.at(cursorContextAt(place));
    return expectationOf([...this.counts.values()].filter(({ context }) => IN_LINE.includes(context.place)));
  }

  /** A request was answered. @param passes that it took to decode */
  answered(context: CursorContext, passes: number): void {
    const counts = this.at(context);
    counts.requests++;
    counts.passes += passes;
    if (counts.requests <= REMEMBERED_REQUESTS) return;
    for (const key of ['requests', 'right', 'characters', 'passes'] as const) counts[key] /= 2;
  }

  /**
   * Of what was suggested at a place, the text now holds so many characters.
   * @param quality of the submodel that suggested it, of XL's: what it got right, XL would have got right more often
   */
  agreed(context: CursorContext, characters: number, quality: number): void {
    const counts = this.at(context);
    counts.right += 1 / quality;
    counts.characters += characters / quality;
  }

  private at(context: CursorContext): Counts {
    const key = keyOf(context);
    const known = this.counts.get(key);
    if (known) return known;
    const prior = PRIORS[context.place];
    const share =
      (context.seen ? prior.rightShareSeen : prior.rightShare) * (context.diverged ? DIVERGED.rightShare : 1);
    const right = PRIOR_REQUESTS * share;
    const passes = PRIOR_REQUESTS * prior.passes * (context.diverged ? DIVERGED.passes : 1);
    const fresh = { context, requests: PRIOR_REQUESTS, right, characters: right * prior.characters, passes };
    this.counts.set(key, fresh);
    return fresh;
  }
}

const IN_LINE = PLACES.filter((place) => !place.endsWith('start') || place === 'word start');

function keyOf({ place, seen, diverged }: CursorContext): string {
  return `${place}, ${seen ? 'seen' : 'new'}, ${diverged ? 'diverged' : 'on the way'}`;
}

function expectationOf(all: readonly Counts[]): Expectation {
  const sum = (of: keyof Counts) => all.reduce((total, counts) => total + counts[of], 0);
  return {
    rightShare: sum('right') / sum('requests'),
    characters: sum('characters') / sum('right'),
    passes: sum('passes') / sum('requests'),
  };
}
