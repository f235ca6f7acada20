import type { Expectation, Expectations } from './expectation';
import { type CodePlace, PLACES, type CursorContext, cursorContextAt } from './place';

/** The expectation for a place before anything is known about this user. */
interface Prior extends Expectation {
  /** `rightShare` if the text before the cursor occurs elsewhere too. */
  readonly rightShareSeen: number;
}

/** Measured at every place of held-out files. */
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
/** Factors if the typed text diverged: the model is right less often, and its confidence falls later. */
const DIVERGED = { rightShare: 0.5, passes: 1.4 };

/** Weight of a prior, in requests. */
const PRIOR_REQUESTS = 20;
/** Counts are halved above this number of requests, so that they follow changes. */
const REMEMBERED_REQUESTS = 400;

interface RequestCounts {
  requests: number;
  right: number;
  characters: number;
  passes: number;
}

/** The results of suggestions by context. It holds counts and no text. */
export class History implements Expectations {
  private readonly counts = new Map<string, RequestCounts & { readonly context: CursorContext }>();

  expect(context: CursorContext): Expectation {
    return expectationOf([this.at(context)]);
  }

  expectInLine(): Expectation {
    for (const place of IN_LINE) this.at(cursorContextAt(place));
    return expectationOf([...this.counts.values()].filter(({ context }) => IN_LINE.includes(context.place)));
  }

  /** A request was answered. @param passes over the weights to decode */
  answered(context: CursorContext, passes: number): void {
    const counts = this.at(context);
    counts.requests++;
    counts.passes += passes;
    if (counts.requests <= REMEMBERED_REQUESTS) return;
    for (const key of ['requests', 'right', 'characters', 'passes'] as const) counts[key] /= 2;
  }

  /**
   * Some characters of a suggestion became text of the document.
   * @param quality of the submodel, as a share of XL's, because XL would have been right more often
   */
  agreed(context: CursorContext, characters: number, quality: number): void {
    const counts = this.at(context);
    counts.right += 1 / quality;
    counts.characters += characters / quality;
  }

  private at(context: CursorContext): RequestCounts {
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

function expectationOf(all: readonly RequestCounts[]): Expectation {
  const sum = (of: keyof RequestCounts) => all.reduce((total, counts) => total + counts[of], 0);
  return {
    rightShare: sum('right') / sum('requests'),
    characters: sum('characters') / sum('right'),
    passes: sum('passes') / sum('requests'),
  };
}
