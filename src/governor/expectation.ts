import type { CursorContext } from './place';

/** The expected result of a request, as if XL answered it. */
export interface Expectation {
  /** Share of the requests whose suggestion becomes text of the document: all of it, or its first lines. */
  readonly rightShare: number;
  /** Number of right characters in these. */
  readonly characters: number;
  /** Passes over the weights to decode. */
  readonly passes: number;
}

/** Expected results by the cursor's context. */
export interface Expectations {
  expect(context: CursorContext): Expectation;
  /** The mean over all places within a line. */
  expectInLine(): Expectation;
}
