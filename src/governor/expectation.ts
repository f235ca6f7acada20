import type { CursorContext } from './place';

/** What a request in a context has come to, per request, had XL answered it. */
export interface Expectation {
  /** Share of the requests whose suggestion the text then came to hold: all of it, or its first lines. */
  readonly rightShare: number;
  /** Characters that were right if it did. */
  readonly characters: number;
  /** Passes of the engine over the weights, to decode. */
  readonly passes: number;
}

/** What suggestions have come to. */
export interface Expectations {
  expect(context: CursorContext): Expectation;
  /** Over all places in the middle of a line. */
  expectInLine(): Expectation;
}
