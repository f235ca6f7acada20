import type { NativeChoice } from '../addon';
import type { EndReason, GenerateRequest } from '../engine';
import { choose } from '../stepwise/choose';
import type { Decoding } from '../stepwise/decode';
import { mayReachScore, NO_TOKENS, withToken } from '../scoreBound';

/** Tokens of a submit. The stop conditions are looked at between two, so some of the last ones are computed in vain. */
export const STEPS = 4;

/** A model that chooses tokens itself, and appends all but the last of them to the cache. */
export interface StepDecoder {
  /** @param token the last one of the text, which is not in the cache yet */
  decode(token: number, widths: readonly number[], steps: number): Promise<readonly NativeChoice[]>;
  /** Keeps the first `length` tokens of the cache. */
  truncate(length: number): void;
}

const LINE_END = 0x0a;

/** Whether the likeliest tokens are the answer: no memory has a say, no prefix has to be spelled, and nothing was drafted. */
export function decidesAlone({ request, memory }: Pick<Decoding, 'request' | 'memory'>): boolean {
  const { memory: place, healingPrefix = '', expected = [], speculation } = request;
  const hasMemory = memory !== undefined && place !== undefined;
  return !hasMemory && healingPrefix === '' && expected.length === 0 && (speculation?.maxTokens ?? 0) === 0;
}

/**
 * Greedy decoding of a request for which `decidesAlone` holds, several tokens at a time. It generates the same text as `decode`,
 * and leaves the same tokens in the cache.
 */
export async function decodeInSteps(
  decoder: StepDecoder,
  decoding: Omit<Decoding, 'speculator' | 'memory'>,
): Promise<EndReason> {
  const { request, logits, tokenBytes, contextLength, isAborted, listener, done } = decoding;
  const { prompt, widths, maxTokens, bannedFirstTokens: never = [] } = request;
  if (maxTokens === 0) return 'length';
  let length = prompt.length;
  let counts = NO_TOKENS;
  let choices: readonly NativeChoice[] = [choose(logits, { never, healingPrefix: new Uint8Array(), tokenBytes })];
  for (;;) {
    for (const choice of choices) {
      if (isAborted()) return 'aborted';
      const { token } = choice;
      let reason: EndReason | undefined = request.stopTokens.includes(token) ? 'stop' : undefined;
      if (!reason) {
        counts = withToken(counts, choice);
        done.tokens++;
        listener({ type: 'token', ...choice });
        reason = reasonToEnd(request, tokenBytes[token], counts, done.tokens, length + 1 > contextLength);
      }
      if (reason) {
        decoder.truncate(length);
        return reason;
      }
      length++;
    }
    const steps = Math.min(STEPS, maxTokens - done.tokens, contextLength - length + 1);
    choices = await decoder.decode(choices.at(-1)?.token ?? 0, widths, steps);
    done.passes += steps;
  }
}

function reasonToEnd(
  { endsWithLine, scoreBound, maxTokens }: GenerateRequest,
  bytes: Uint8Array | undefined,
  counts: typeof NO_TOKENS,
  decoded: number,
  isFull: boolean,
): EndReason | undefined {
  if (endsWithLine && bytes?.includes(LINE_END)) return 'line';
  if (scoreBound && !mayReachScore(scoreBound, counts)) return 'scoreBound';
  if (isFull) return 'context';
  return decoded === maxTokens ? 'length' : undefined;
}
