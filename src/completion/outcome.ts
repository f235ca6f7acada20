import type { Gated } from './gate';

/** Text to insert at the cursor. */
export interface Suggestion {
  readonly text: string;
  /** Characters after the cursor that it replaces: brackets the editor closed and the text closes too. */
  readonly replaces: number;
}

/** What a request cost. */
export interface Work {
  /** The name of the submodel that wrote it. */
  readonly submodel: string;
  /** Why this one. */
  readonly reason: string;
  readonly promptTokens: number;
  readonly prefilledTokens: number;
  readonly decodedTokens: number;
  /** Over the submodel's weights, after the prompt's. */
  readonly passes: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
  /** From the request to the answer. */
  readonly latencyMs: number;
}

/** Every way out of a request, with its reason. */
export type Outcome =
  | { readonly kind: 'shown'; readonly suggestion: Suggestion; readonly work: Work }
  /** Nothing was decoded; `submodel` wrote it before. */
  | { readonly kind: 'reused'; readonly suggestion: Suggestion; readonly submodel: string; readonly reason: string }
  /** The user asked by hand, the answer was empty, and the suggestion that was on the screen stays; `submodel` wrote it. */
  | {
      readonly kind: 'kept';
      readonly suggestion: Suggestion;
      readonly submodel: string;
      readonly reason: string;
      readonly work: Work;
    }
  /** The gate is closed here; `cause` tells the gates apart. */
  | ({ readonly kind: 'gated' } & Gated)
  /** The governor decided against a decode. `considered` is the submodel that came closest, if it compared any. */
  | { readonly kind: 'declined'; readonly reason: string; readonly considered?: string }
  /** No part of the prediction is likely enough to be right. Without `work` this was known before a decode. */
  | { readonly kind: 'unsure'; readonly reason: string; readonly submodel: string; readonly work?: Work }
  | { readonly kind: 'superseded'; readonly reason: string }
  | { readonly kind: 'empty'; readonly reason: string; readonly work: Work }
  | { readonly kind: 'failed'; readonly reason: string };

/** One line for the log. */
export function describe(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'shown':
      return `shown, ${describeWork(outcome.work)}`;
    case 'empty':
    case 'kept':
      return `${outcome.kind}, ${outcome.reason}, ${describeWork(outcome.work)}`;
    case 'unsure':
      return `unsure, ${outcome.reason}${outcome.work ? `, ${describeWork(outcome.work)}` : ''}`;
    case 'reused':
    case 'gated':
    case 'declined':
    case 'superseded':
    case 'failed':
      return `${outcome.kind}, ${outcome.reason}`;
  }
}

function describeWork(work: Work): string {
  const { submodel, latencyMs, prefilledTokens, promptTokens, decodedTokens, reason } = work;
  return (
    `${submodel}, ${Math.round(latencyMs)} ms ` +
    `(prefill ${prefilledTokens} of ${promptTokens} tokens, ${decodedTokens} decoded): ${reason}`
  );
}
