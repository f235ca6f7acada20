import { phrase } from '../../localisation/phrase';
import type { CursorContext } from '../../governor/place';
import { confidentHead, featuresOfHead, type Piece, textOf } from '../decode/confidence';
import { type Decoded, isCutOff } from '../decode/decode';
import type { Outcome, Suggestion, Work } from '../outcome';
import type { Plan, Purpose } from '../plan';
import type { DocumentPosition } from './typedSince';

/** A finished decode and its result. */
export interface Generation {
  readonly position: DocumentPosition;
  readonly purpose: Purpose;
  /** At one position, generations with equal keys are interchangeable. */
  readonly cacheKey: string;
  /** The name of the submodel. */
  readonly submodel: string;
  readonly multiline: boolean;
  readonly cursorContext: CursorContext;
  /** All of the model's output, shown or not. */
  readonly pieces: readonly Piece[];
  /** Undefined if nothing may be shown. */
  readonly suggestion: Suggestion | undefined;
  /** There is output, but the confidence in every part of it is too low. */
  readonly isUnsure: boolean;
  /** The filter that removed all of the text, if one did. */
  readonly emptiedBy: string | undefined;
  /** The suggestion's score without the correction by the user's outcomes; undefined if none is learned from them. */
  readonly score: number | undefined;
  readonly work: Work;
}

/** A generation with a suggestion. */
export type Suggesting = Generation & { readonly suggestion: Suggestion };

export function isSuggesting(generation: Generation): generation is Suggesting {
  return generation.suggestion !== undefined;
}

/** @param endedMs by the clock of `plan.startedMs` */
export function workOf({ prompt, decision, startedMs }: Plan, decoded: Decoded, endedMs: number): Work {
  const { prefilledTokens, prefillMs, decodedTokens, passes, decodeMs } = decoded;
  return {
    submodel: decision.submodel.name,
    reason: decision.reason,
    promptTokens: prompt.tokens.length,
    prefilledTokens,
    decodedTokens,
    passes,
    prefillMs,
    decodeMs,
    latencyMs: endedMs - startedMs,
  };
}

/**
 * Turns decoded text into a generation. The suggestion is the confident part after the filters.
 * @param weights of the submodel's score
 */
export function generationOf(
  { request, model, decision, cursor, cursorContext, cacheKey, minScore, trim }: Plan,
  purpose: Purpose,
  decoded: Pick<Decoded, 'pieces' | 'endedBy'>,
  weights: readonly number[] | undefined,
  work: Work,
): Generation {
  const { pieces } = decoded;
  const sure = confidentHead(pieces, cursor, weights, minScore);
  // A confident head that is shorter ends before the place at which the tokens ran out.
  const isCut = isCutOff(decoded) && sure === textOf(pieces);
  const { suggestion, emptiedBy } = trim(sure, false, isCut);
  return {
    position: request,
    purpose,
    cacheKey,
    submodel: decision.submodel.name,
    multiline: decision.multiline,
    cursorContext,
    pieces,
    suggestion,
    isUnsure: minScore > 0 && sure.trim() === '' && pieces.length > 0,
    emptiedBy,
    score: suggestion && model.score?.uncorrected(featuresOfHead(pieces, cursor, suggestion.text.length)),
    work,
  };
}

/** The outcome of the request that waited for a generation. */
export function outcomeOf({ suggestion, isUnsure, emptiedBy, submodel, work }: Generation): Outcome {
  if (suggestion) return { kind: 'shown', suggestion, work };
  if (isUnsure) return { kind: 'unsure', reason: phrase('the confidence was too low'), submodel, work };
  const reason = emptiedBy ? phrase('the filter {0} removed all of it', emptiedBy) : phrase('nothing to add');
  return { kind: 'empty', reason, work };
}
