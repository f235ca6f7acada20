import type { DraftCounts, EndReason, Engine, GenerateEvent, GenerateRequest } from '../../src/engine/engine';

export interface Completed {
  tokens: number[];
  probabilities: number[];
  memoryShares: number[];
  reusedTokens: number;
  prefilledTokens: number;
  reason: EndReason;
  drafts: Partial<DraftCounts>;
}

/** One request to an engine of whatever kind, as a whole. */
export function complete(
  engine: Engine,
  request: Partial<GenerateRequest> & Pick<GenerateRequest, 'prompt' | 'widths'>,
  onToken: (count: number, abort: () => void) => void = () => undefined,
): Promise<Completed> {
  const controller = new AbortController();
  const result: Completed = {
    tokens: [],
    probabilities: [],
    memoryShares: [],
    reusedTokens: -1,
    prefilledTokens: -1,
    reason: 'failed',
    drafts: {},
  };
  return new Promise((resolve, reject) => {
    const listener = (event: GenerateEvent) => {
      switch (event.type) {
        case 'prefill':
          Object.assign(result, { reusedTokens: event.reusedTokens, prefilledTokens: event.prefilledTokens });
          break;
        case 'token':
          result.tokens.push(event.token);
          result.probabilities.push(event.probability);
          result.memoryShares.push(event.memoryShare ?? 0);
          onToken(result.tokens.length, () => {
            controller.abort();
          });
          break;
        case 'end':
          if (event.reason === 'failed') reject(new Error(event.message));
          resolve({ ...result, reason: event.reason, drafts: event });
      }
    };
    engine.generate({ maxTokens: 20, stopTokens: [], ...request }, controller.signal, listener);
  });
}
