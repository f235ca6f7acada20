import type { Engine } from '../engine/engine';
import type { Decision } from '../governor/decide';
import type { Tokenizer } from '../matlm/tokenizer';
import { type Cursor, isComplete, type Piece } from './trim';

/** A finished decode. */
export interface Decoded {
  readonly pieces: readonly Piece[];
  readonly prefilledTokens: number;
  readonly decodedTokens: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
  /** Set where the engine could not do it. */
  readonly fault?: string;
  readonly aborted: boolean;
}

/**
 * Decode until the model ends, or until nothing more could be shown.
 * @param onProgress called with the text so far: empty when the prompt was read, then longer with every token
 */
export function decode(
  engine: Engine,
  tokenizer: Tokenizer,
  prompt: readonly number[],
  widths: readonly number[],
  decision: Decision,
  cursor: Cursor,
  signal: AbortSignal,
  onProgress: (text: string) => void = () => undefined,
): Promise<Decoded> {
  const enough = new AbortController();
  const pieces: Piece[] = [];
  const next = tokenizer.decoder();
  let text = '';
  let prefilledTokens = 0;
  let prefillMs = 0;
  const stopTokens = Object.values(tokenizer.special);
  const request = { prompt, widths, maxTokens: decision.maxTokens, stopTokens };
  return new Promise((resolve) => {
    engine.generate(request, AbortSignal.any([signal, enough.signal]), (event) => {
      switch (event.type) {
        case 'prefill':
          ({ prefilledTokens, prefillMs } = event);
          onProgress('');
          break;
        case 'token': {
          if (enough.signal.aborted) break; // decoded before the abort arrived
          const piece = { text: next(event.token), probability: event.probability };
          pieces.push(piece);
          text += piece.text;
          onProgress(text);
          if (isComplete(text, cursor)) enough.abort();
          break;
        }
        case 'end':
          resolve({
            pieces,
            prefilledTokens,
            prefillMs,
            decodedTokens: event.decodedTokens,
            decodeMs: event.decodeMs,
            aborted: event.reason === 'aborted' && !enough.signal.aborted,
            ...(event.reason === 'failed' ? { fault: event.message ?? 'the engine failed' } : {}),
          });
          break;
      }
    });
  });
}
