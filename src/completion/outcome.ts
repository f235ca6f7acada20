import { english, type Phrase } from '../localisation/phrase';
import type { Gated } from './gate';

/** Text to insert at the cursor. */
export interface Suggestion {
  readonly text: string;
  /** Number of characters after the cursor that it replaces: brackets that the editor and the text both close. */
  readonly replaces: number;
}

/** The cost of a request. */
export interface Work {
  /** The name of the submodel. */
  readonly submodel: string;
  /** Why the governor chose this submodel. */
  readonly reason: Phrase;
  readonly promptTokens: number;
  readonly prefilledTokens: number;
  readonly decodedTokens: number;
  /** Passes over the submodel's weights to decode, without those of the prefill. */
  readonly passes: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
  /** From the request to the answer. */
  readonly latencyMs: number;
}

/** Every way in which a request may end, with its reason. */
export type Outcome =
  | { readonly kind: 'shown'; readonly suggestion: Suggestion; readonly work: Work }
  /** Nothing was decoded. `submodel` generated the text earlier. */
  | { readonly kind: 'reused'; readonly suggestion: Suggestion; readonly submodel: string; readonly reason: Phrase }
  /** The user asked by hand and the answer was empty, so the ghost text by `submodel` stays. */
  | {
      readonly kind: 'kept';
      readonly suggestion: Suggestion;
      readonly submodel: string;
      readonly reason: Phrase;
      readonly work: Work;
    }
  /** The gate is closed. */
  | ({ readonly kind: 'gated' } & Gated)
  /** The governor decided against a decode. `considered` is the best submodel, if it compared any. */
  | { readonly kind: 'declined'; readonly reason: Phrase; readonly considered?: string }
  /** The confidence in every part of the prediction is too low. `work` is absent if this was known before a decode. */
  | { readonly kind: 'unsure'; readonly reason: Phrase; readonly submodel: string; readonly work?: Work }
  | { readonly kind: 'superseded'; readonly reason: Phrase }
  | { readonly kind: 'empty'; readonly reason: Phrase; readonly work: Work }
  | { readonly kind: 'failed'; readonly reason: Phrase };

/** One line for the log, in English. */
export function describe(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'shown':
      return `shown, ${describeWork(outcome.work)}`;
    case 'empty':
    case 'kept':
      return `${outcome.kind}, ${english(outcome.reason)}, ${describeWork(outcome.work)}`;
    case 'unsure':
      return `unsure, ${english(outcome.reason)}${outcome.work ? `, ${describeWork(outcome.work)}` : ''}`;
    case 'reused':
    case 'gated':
    case 'declined':
    case 'superseded':
    case 'failed':
      return `${outcome.kind}, ${english(outcome.reason)}`;
  }
}

function describeWork(work: Work): string {
  const { submodel, latencyMs, prefilledTokens, promptTokens, decodedTokens, reason } = work;
  return (
    `${submodel}, ${Math.round(latencyMs)} ms ` +
    `(prefill ${prefilledTokens} of ${promptTokens} tokens, ${decodedTokens} decoded): ${english(reason)}`
  );
}
