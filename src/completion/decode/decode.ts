import type { Engine, GenerateRequest, ScoreBound } from '../../engine/engine';

import type { Decision } from '../../governor/decide';
import type { Tokenizer } from '../../matlm/tokenizer';
import { mayShowMore, type Piece, textOf } from './confidence';
import type { Trim } from '../filters';
import type { Prompt } from '../prompt/prompt';
import { OPENS_BLOCK } from '../syntax/lineRules';

/** A finished decode. */
export interface Decoded {
  readonly pieces: readonly Piece[];
  /** All that was decoded, what was given back included. */
  readonly tokens: readonly number[];
  readonly prefilledTokens: number;
  readonly decodedTokens: number;
  /** Over the submodel's weights, after the prompt's. */
  readonly passes: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
  /** Set where the engine could not do it. */
  readonly fault?: string;
  readonly aborted: boolean;
}

export interface DecodeOptions {
  /** Above those that are asked for: what cannot reach them any more is not gone on with. */
  readonly scoreBound?: ScoreBound | undefined;
  /** Called with the text so far: empty when the prompt was read, then longer with every token. */
  readonly onProgress?: (text: string) => void;
  /** Tokens that the text does not begin with: for another one than was written before. */
  readonly bannedFirstTokens?: readonly number[];
}

/**
 * Decode until the model ends, or until nothing more could be shown. Where several lines are wanted and the model ends
 * with a line that opens a block, it is asked once to go on.
 */
export async function decode(
  engine: Engine,
  tokenizer: Tokenizer,
  prompt: Prompt,
  { submodel, draft, maxTokens, multiline }: Pick<Decision, 'submodel' | 'draft' | 'maxTokens' | 'multiline'>,
  trim: Trim,
  signal: AbortSignal,
  { bannedFirstTokens = [], ...watch }: DecodeOptions = {},
): Promise<Decoded> {
  const stopTokens = Object.values(tokenizer.special);
  const { widths, copyWeights } = submodel;
  const speculation = draft.maxTokens > 0 ? { speculation: draft } : {};
  const request = {
    prompt: prompt.tokens,
    widths,
    copyWeights,
    ...speculation,
    maxTokens,
    stopTokens,
    endsWithLine: !multiline,
  };
  const { healingPrefix } = prompt;
  // Mostly the tokenizer's own tokens spell what is given back, so the engine checks them all at once.
  const expected = tokenizer.encode(healingPrefix);
  // The engine stops by itself where it can tell: until it hears from here, it has decoded a token or two more.
  const { scoreBound } = watch;
  const healing = {
    ...request,
    bannedFirstTokens,
    healingPrefix,
    expected,
    scoreBound,
    maxTokens: maxTokens + expected.length,
  };
  const first = await stream(engine, tokenizer, healing, trim, signal, [], watch);
  const text = textOf(first.pieces);
  if (!first.endedByModel || !multiline || !OPENS_BLOCK.test(text) || signal.aborted) return first;
  const more = await stream(
    engine,
    tokenizer,
    { ...request, prompt: [...prompt.tokens, ...first.tokens], bannedFirstTokens: stopTokens },
    trim,
    signal,
    first.pieces,
    watch,
  );
  return {
    ...more,
    pieces: [...first.pieces, ...more.pieces],
    tokens: [...first.tokens, ...more.tokens],
    prefilledTokens: first.prefilledTokens,
    decodedTokens: first.decodedTokens + more.decodedTokens,
    passes: first.passes + more.passes,
    prefillMs: first.prefillMs + more.prefillMs,
    decodeMs: first.decodeMs + more.decodeMs,
  };
}

interface Streamed extends Decoded {
  readonly endedByModel: boolean;
}

/** One request to the engine, stopped as soon as nothing more could be shown after `before` and what it writes. */
function stream(
  engine: Engine,
  tokenizer: Tokenizer,
  request: GenerateRequest,
  trim: Trim,
  signal: AbortSignal,
  before: readonly Piece[],
  { scoreBound, onProgress = () => undefined }: Omit<DecodeOptions, 'bannedFirstTokens'>,
): Promise<Streamed> {
  const enough = new AbortController();
  const pieces: Piece[] = [];
  const tokens: number[] = [];
  const next = tokenizer.decoder();
  let text = textOf(before);
  /** Characters that were given back and are written again: no news to anyone. */
  let known = request.healingPrefix?.length ?? 0;
  let prefilledTokens = 0;
  let prefillMs = 0;
  return new Promise((resolve) => {
    engine.generate(request, AbortSignal.any([signal, enough.signal]), (event) => {
      switch (event.type) {
        case 'prefill':
          ({ prefilledTokens, prefillMs } = event);
          onProgress(text);
          break;
        case 'token': {
          if (enough.signal.aborted) break; // decoded before the abort arrived
          const written = next(event.token);
          tokens.push(event.token);
          const piece = { text: written.slice(known), probability: event.probability };
          known = Math.max(0, known - written.length);
          if (piece.text === '' && written !== '') break;
          pieces.push(piece);
          text += piece.text;
          onProgress(text);
          if (!mayShowMore([...before, ...pieces], scoreBound) || trim(text, true).isComplete)
            enough.abort('nothing more could be shown');
          break;
        }
        case 'end':
          resolve({
            pieces,
            tokens,
            prefilledTokens,
            prefillMs,
            decodedTokens: event.decodedTokens,
            passes: event.passes,
            decodeMs: event.decodeMs,
            endedByModel: event.reason === 'stop',
            aborted: event.reason === 'aborted' && !enough.signal.aborted,
            ...(event.reason === 'failed' ? { fault: event.message ?? 'the engine failed' } : {}),
          });
          break;
      }
    });
  });
}
