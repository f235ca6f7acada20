import { english } from '../../localisation/phrase';
import type { Answered } from '../typists';
import type { Work } from '../../completion/outcome';

/** What all answers tell of the model. */
export interface ModelFacts {
  readonly name: string;
  /** Tokens. */
  readonly contextLength: number;
}

/** The work for an answer, as llama.cpp's `timings`. */
export interface Timings {
  readonly prompt_n: number;
  readonly prompt_ms: number;
  readonly prompt_per_token_ms: number;
  readonly prompt_per_second: number;
  readonly predicted_n: number;
  readonly predicted_ms: number;
  readonly predicted_per_token_ms: number;
  readonly predicted_per_second: number;
}

/** The work that was done for an answer now; undefined if nothing was decoded. */
export function workOf({ outcome }: Answered): Work | undefined {
  return 'work' in outcome ? outcome.work : undefined;
}

/** All numbers are finite, because clients format them. */
export function timingsOf(work: Work | undefined): Timings {
  const { prefilledTokens = 0, prefillMs = 0, decodedTokens = 0, decodeMs = 0 } = work ?? {};
  return {
    prompt_n: prefilledTokens,
    prompt_ms: prefillMs,
    prompt_per_token_ms: ratio(prefillMs, prefilledTokens),
    prompt_per_second: ratio(1000 * prefilledTokens, prefillMs),
    predicted_n: decodedTokens,
    predicted_ms: decodeMs,
    predicted_per_token_ms: ratio(decodeMs, decodedTokens),
    predicted_per_second: ratio(1000 * decodedTokens, decodeMs),
  };
}

/** How the request ended, for people who look for the reason of a missing suggestion. */
export function reasonOf({ outcome }: Answered): { readonly outcome: string; readonly reason: string } {
  const reason = 'reason' in outcome ? outcome.reason : outcome.work.reason;
  return { outcome: outcome.kind, reason: english(reason) };
}

/** The text up to the first of the strings at which it has to stop. */
export function stoppedAt(text: string, stops: readonly string[]): string {
  return stops.reduce((rest, stop) => {
    const end = stop === '' ? -1 : rest.indexOf(stop);
    return end < 0 ? rest : rest.slice(0, end);
  }, text);
}

function ratio(a: number, b: number): number {
  return b > 0 ? a / b : 0;
}
