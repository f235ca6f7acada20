import { phrase } from '../../../../src/localisation/phrase';
import { cursorOf } from '../../../../src/completion/cursor';
import { trimAt } from '../../../../src/completion/filters';
import type { Model } from '../../../../src/completion/models';
import type { Work } from '../../../../src/completion/outcome';
import { type Plan, requestSettings } from '../../../../src/completion/plan';
import type { Generation, Suggesting } from '../../../../src/completion/reuse/generation';
import { InFlightCompletion } from '../../../../src/completion/reuse/inFlight';
import { TypedSince } from '../../../../src/completion/reuse/typedSince';
import type { Decision } from '../../../../src/governor/decide';
import { cursorContextAt } from '../../../../src/governor/place';
import { AUTO } from '../../../../src/governor/settings';
import { requestAt } from '../hand';

/** No function of earlier output asks for the model. */
const NO_MODEL = {} as Model;

/** The text typed since, for a request at the drawn cursor. */
export function sinceAt(drawn: string, document?: string): TypedSince {
  return new TypedSince(requestAt(drawn, document === undefined ? {} : { document }));
}

/** A generation at the drawn cursor, with one piece per character. */
export function generationAt(drawn: string, text: string, change: Partial<Suggesting> = {}): Suggesting {
  const submodel = change.submodel ?? 'S';
  return {
    position: requestAt(drawn),
    purpose: 'requested',
    cacheKey: `${submodel} 0.5 line`,
    submodel,
    multiline: false,
    cursorContext: cursorContextAt('word start'),
    pieces: [...text].map((character) => ({ text: character, probability: 0.99 })),
    suggestion: { text, replaces: 0 },
    isUnsure: false,
    score: undefined,
    emptiedBy: undefined,
    work: workBy(submodel),
    ...change,
  };
}

/** An unsure generation with pieces and their probabilities. */
export function unsureAt(
  drawn: string,
  pieces: readonly (readonly [string, number])[],
  change: Partial<Generation> = {},
): Generation {
  return {
    ...generationAt(drawn, ''),
    pieces: pieces.map(([text, probability]) => ({ text, probability })),
    suggestion: undefined,
    isUnsure: true,
    ...change,
  };
}

/** A plan at the drawn cursor. */
export function planAt(
  drawn: string,
  {
    submodel = 'S',
    multiline = false,
    minScore = 0.5,
    explicit = false,
    settings = requestSettings(AUTO, 'balanced'),
  } = {},
): Plan {
  const request = requestAt(drawn, { explicit });
  const cursor = cursorOf(request, multiline);
  const decision: Decision = {
    submodel: { name: submodel, widths: [], draftWidths: [] },
    speculation: { widths: [], maxTokens: 0 },
    delayMs: 0,
    maxTokens: 40,
    multiline,
    speculateNext: false,
    situation: 'typing',
    reason: phrase('a test'),
  };
  return {
    request,
    document: 0,
    settings,
    cursorContext: cursorContextAt('word start'),
    model: NO_MODEL,
    prompt: { tokens: [1, 2, 3], textEnd: 2, healingPrefix: '' },
    decision,
    cursor,
    trim: trimAt(cursor),
    minScore,
    cacheKey: `${submodel} ${minScore} ${multiline ? 'block' : 'line'}`,
    startedMs: 100,
  };
}

/** A running decode with its text so far. */
export function inFlightAt(
  drawn: string,
  written: string,
  purpose: Generation['purpose'] = 'requested',
): InFlightCompletion {
  const inFlight = new InFlightCompletion(planAt(drawn), purpose, () => new Promise(() => undefined));
  inFlight.written = written;
  return inFlight;
}

function workBy(submodel: string): Work {
  return {
    submodel,
    reason: phrase('a test'),
    promptTokens: 3,
    prefilledTokens: 1,
    decodedTokens: 4,
    passes: 3,
    prefillMs: 1,
    decodeMs: 4,
    latencyMs: 7,
  };
}
