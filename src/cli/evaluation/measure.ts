import { confidentHead, type Eagerness, EAGERNESS, type Piece, textOf } from '../../completion/decode/confidence';
import { type Cursor, cursorOf } from '../../completion/cursor';
import { decode, isCutOff } from '../../completion/decode/decode';
import { type FilterName, trimAt } from '../../completion/filters';
import type { Suggestion } from '../../completion/outcome';
import { buildPrompt, ROOM_TO_WRITE } from '../../completion/prompt/prompt';
import type { CompletionRequest } from '../../completion/request';
import type { Syntax } from '../../completion/syntax/shape';
import type { Engine } from '../../engine/engine';
import type { Checkpoint } from '../../matlm/checkpoint';
import { submodelOf } from '../../matlm/submodel';

/** The trigger of a suggestion: by hand, or typing at one of the three eagernesses. */
export const WAYS = ['by hand', 'eager', 'balanced', 'careful'] as const;
export type Way = (typeof WAYS)[number];

/** The text that a submodel wrote at a span, before it is trimmed. */
export interface Written {
  readonly pieces: readonly Piece[];
  readonly cursor: Cursor;
  /** The decode ran out of tokens. */
  readonly isCut: boolean;
}

export interface MeasureParts {
  readonly engine: Engine;
  readonly checkpoint: Checkpoint;
  readonly syntax: Syntax;
}

const LINE_TOKENS = 40;
const BLOCK_TOKENS = 96;

/** Answer a request as the pipeline does, without its governor, its cache and its clock. */
export async function write(
  { engine, checkpoint, syntax }: MeasureParts,
  request: CompletionRequest,
  submodel: string,
  without: readonly FilterName[],
): Promise<Written> {
  const shape = await syntax.shapeAt(request.languageId, request, false);
  const cursor = cursorOf(request, shape.block, shape);
  const prompt = buildPrompt(checkpoint, request, checkpoint.config.model.contextLength - ROOM_TO_WRITE);
  const decision = {
    submodel: submodelOf(checkpoint.config, submodel),
    speculation: { widths: [], maxTokens: 8 },
    maxTokens: shape.block ? BLOCK_TOKENS : LINE_TOKENS,
    multiline: shape.block,
  };
  const never = new AbortController().signal;
  const decoded = await decode(engine, checkpoint, prompt, decision, trimAt(cursor, without), never, {
    memory: request.memory,
  });
  if (decoded.fault !== undefined) throw new Error(decoded.fault);
  return { pieces: decoded.pieces, cursor, isCut: isCutOff(decoded) };
}

/** The part of the text that would be shown. */
export function show(
  { pieces, cursor, isCut }: Written,
  weights: readonly number[] | undefined,
  way: Way,
  without: readonly FilterName[],
): Suggestion | undefined {
  const all = textOf(pieces);
  const text = way === 'by hand' ? all : confidentHead(pieces, cursor, weights, EAGERNESS[way satisfies Eagerness]);
  return trimAt(cursor, without)(text, false, isCut && text === all).suggestion;
}

/** Below this probability the model is guessing. Text after a guess is never shown, so it would only blur the fit. */
const GUESS = 0.12;

/** The pieces that the score is fitted on: up to the first guess. */
export function untilGuess(pieces: readonly Piece[]): readonly Piece[] {
  const guess = pieces.findIndex(({ probability }) => probability < GUESS);
  return guess < 0 ? pieces : pieces.slice(0, guess + 1);
}
