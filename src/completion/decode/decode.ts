import type { EndReason, Engine, GenerateRequest, ScoreBound, Urgency } from '../../engine/engine';
import type { MemoryPlace } from '../../engine/memory';
import type { Decision } from '../../governor/decide';
import type { Checkpoint } from '../../matlm/checkpoint';
import type { Tokenizer } from '../../matlm/tokenizer';
import { mayShowMore, type Piece, textOf } from './confidence';
import type { Trim } from '../filters';
import type { Prompt } from '../prompt/prompt';

/** A finished decode. */
export interface Decoded {
  readonly pieces: readonly Piece[];
  /** All decoded tokens, those of the healing prefix included. */
  readonly tokens: readonly number[];
  readonly prefilledTokens: number;
  readonly decodedTokens: number;
  /** Passes over the submodel's weights to decode, without those of the prefill. */
  readonly passes: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
  /** Why the engine failed; undefined if it did not. */
  readonly fault?: string;
  readonly aborted: boolean;
  /** Why the decode ended. `aborted` includes a decode that the filters stopped. */
  readonly endedBy: EndReason;
}

/** Whether a text ends because no more tokens were allowed. Its last line is unfinished, and perhaps its last word. */
export function isCutOff({ endedBy }: Pick<Decoded, 'endedBy'>): boolean {
  return endedBy === 'length' || endedBy === 'context';
}

export interface DecodeOptions {
  /** The decode stops once no continuation could reach the required score. */
  readonly scoreBound?: ScoreBound | undefined;
  /** Called with the text so far: empty after the prefill, then longer with every token. */
  readonly onProgress?: (text: string) => void;
  /** Where the request is in the memory of the workspace. */
  readonly memory?: MemoryPlace | undefined;
  /** The number of its document for the engine. */
  readonly document?: number;
  /** How urgent it is for an engine that several windows share. */
  readonly urgency?: Urgency;
  /** Tokens with which the text may not begin, to get an alternative. */
  readonly bannedFirstTokens?: readonly number[];
}

/** A line that opens a block and after which the model may have ended too early. */
const OPENS_BLOCK = /[{([]\s*$|=>\s*$/;

/**
 * Decode until the model ends, or until no more text could be shown. If a block is wanted and the model ends after a line
 * that opens one, it has to continue once.
 */
export async function decode(
  engine: Engine,
  { tokenizer, prompt: format }: Pick<Checkpoint, 'tokenizer' | 'prompt'>,
  prompt: Prompt,
  {
    submodel,
    speculation,
    maxTokens,
    multiline,
  }: Pick<Decision, 'submodel' | 'speculation' | 'maxTokens' | 'multiline'>,
  trim: Trim,
  signal: AbortSignal,
  { bannedFirstTokens = [], memory = {}, document, urgency, ...watch }: DecodeOptions = {},
): Promise<Decoded> {
  // A model of another family knows more special tokens than those that end its middles; none belongs into a document.
  const stopTokens = [...new Set([...format.stop, ...tokenizer.specialIds])];
  const { widths } = submodel;
  const request = {
    prompt: prompt.tokens,
    ...(format.order === 'psm' && { suffixAt: [prompt.textEnd, prompt.tokens.length] as const }),
    widths,
    memory,
    ...(document !== undefined && { cacheKey: document }),
    ...(urgency && { urgency }),
    ...(speculation.maxTokens > 0 && { speculation }),
    maxTokens,
    stopTokens,
    endsWithLine: !multiline,
  };
  const { healingPrefix } = prompt;
  // The model usually spells the healing prefix with the tokenizer's own tokens, so the engine checks them in one pass.
  const expected = tokenizer.encode(healingPrefix);
  // The engine checks the bound itself, because it decodes a token or two before an abort arrives.
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
  if (first.endedBy !== 'stop' || !multiline || !OPENS_BLOCK.test(text) || signal.aborted) return first;
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

/** One request to the engine. It is stopped once no more text could be shown after `before` and its own output. */
function stream(
  engine: Engine,
  tokenizer: Tokenizer,
  request: GenerateRequest,
  trim: Trim,
  signal: AbortSignal,
  before: readonly Piece[],
  { scoreBound, onProgress = () => undefined }: Pick<DecodeOptions, 'scoreBound' | 'onProgress'>,
): Promise<Decoded> {
  const enough = new AbortController();
  const pieces: Piece[] = [];
  const tokens: number[] = [];
  const next = tokenizer.decoder();
  let text = textOf(before);
  /** Characters of the healing prefix that are still to come. They are before the cursor already. */
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
          const { probability, memoryShare, matchLength } = event;
          const piece = { text: written.slice(known), probability, memoryShare, matchLength };
          known = Math.max(0, known - written.length);
          if (piece.text === '' && written !== '') break;
          pieces.push(piece);
          text += piece.text;
          onProgress(text);
          if (!mayShowMore([...before, ...pieces], scoreBound) || trim(text, true).isComplete)
            enough.abort('no more text could be shown');
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
            endedBy: event.reason,
            aborted: event.reason === 'aborted' && !enough.signal.aborted,
            ...(event.reason === 'failed' ? { fault: event.message ?? 'the engine failed' } : {}),
          });
          break;
      }
    });
  });
}
