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
  | { readonly kind: 'gated'; readonly reason: string }
  | { readonly kind: 'superseded'; readonly reason: string }
  | { readonly kind: 'empty'; readonly reason: string; readonly work: Work }
  | { readonly kind: 'failed'; readonly reason: string };

/** One line for the log. */
export function describe(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'shown':
      return `shown, ${describeWork(outcome.work)}`;
    case 'empty':
      return `empty, ${outcome.reason}, ${describeWork(outcome.work)}`;
    case 'reused':
    case 'gated':
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
