import type { CompletionRequest } from '../../../src/completion/request';
import type { EndReason, Engine, GenerateEvent, GenerateRequest } from '../../../src/engine/engine';

/** An engine whose events the test controls. */
export class HandEngine implements Engine {
  private readonly healed = new Set<GenerateRequest>();
  readonly requests: { request: GenerateRequest; signal: AbortSignal; emit: (event: GenerateEvent) => void }[] = [];

  constructor(private readonly encode: (text: string) => number[]) {}

  generate(request: GenerateRequest, signal: AbortSignal, emit: (event: GenerateEvent) => void): void {
    this.requests.push({ request, signal, emit });
    emit({ type: 'prefill', reusedTokens: 0, prefilledTokens: request.prompt.length, prefillMs: 1 });
    signal.addEventListener('abort', () => {
      emit({ type: 'end', reason: 'aborted', decodedTokens: 0, passes: 0, decodeMs: 0 });
    });
  }

  /** Write a text after the cursor. The healing prefix comes first, as the engine guarantees. */
  write(text: string, probability = 0.99): void {
    const { request, emit } = this.requests.at(-1)!;
    const known = this.healed.has(request) ? '' : (request.healingPrefix ?? '');
    this.healed.add(request);
    for (const token of this.encode(known + text)) emit({ type: 'token', token, probability });
  }

  end(reason: EndReason = 'stop'): void {
    this.requests.at(-1)!.emit({ type: 'end', reason, decodedTokens: 4, passes: 3, decodeMs: 4 });
  }
}

/** A request at the drawn cursor. */
export function requestAt(text: string, change: Partial<CompletionRequest> = {}): CompletionRequest {
  const [prefix = '', suffix = ''] = text.split('█');
  return {
    document: 'file:///a.ts',
    path: 'a.ts',
    prefix,
    prefixStart: 0,
    suffix,
    lineSuffix: suffix.split('\n')[0] ?? '',
    lineLength: 10,
    explicit: false,
    enabled: true,
    scheme: 'file',
    languageId: 'typescript',
    cursors: 1,
    hasSelection: false,
    ...change,
  };
}

/** Resolves once all pending promise callbacks have run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
