import type { GenerateRequest } from './engine';

/**
 * The rest of a request, after some of its tokens were decoded.
 * @throws {TypeError} if a token ended within a character of the healing prefix, so that its rest is not text
 */
export function remaining(
  request: GenerateRequest,
  tokens: readonly number[],
  tokenBytes: readonly Uint8Array[],
): GenerateRequest {
  if (tokens.length === 0) return request;
  const spelled = tokens.reduce((sum, token) => sum + (tokenBytes[token]?.length ?? 0), 0);
  const left = new TextEncoder().encode(request.healingPrefix ?? '').subarray(spelled);
  return {
    ...request,
    prompt: [...request.prompt, ...tokens],
    maxTokens: request.maxTokens - tokens.length,
    bannedFirstTokens: [],
    expected: [],
    // It counts all tokens of an answer, and some are not decoded again. The caller checks its own bound.
    scoreBound: undefined,
    healingPrefix: new TextDecoder('utf-8', { fatal: true }).decode(left),
  };
}
