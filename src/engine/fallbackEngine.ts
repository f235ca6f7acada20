import type { EndReason } from './native';
import type { Backend, EngineInfo, GenerateEvent, GenerateRequest } from './engine';
import type { Measurable } from './measure';

/** A backend that can be opened; `open` throws where it does not load. */
export interface Candidate {
  readonly backend: Backend;
  readonly open: () => Measurable;
}

/**
 * The first of several backends that works. One that fails, when it is opened or in the middle of a request (a graphics
 * card's driver was reset, or slept), is put aside for good and its request goes on with the next from the token where
 * it stood.
 */
export class FallbackEngine implements Measurable {
  private readonly waiting: Candidate[];
  private readonly putAside: { backend: Backend; reason: string }[] = [];
  private backend: Backend;
  private engine: Measurable;
  private onChange: (() => void) | undefined;

  /**
   * @param candidates in the order of preference
   * @param spellings [vocabulary] what each token spells
   * @throws the fault of the first, where none opens
   */
  constructor(
    candidates: readonly Candidate[],
    private readonly spellings: readonly Uint8Array[],
  ) {
    this.waiting = [...candidates];
    const faults: Error[] = [];
    const first = this.openNext(faults);
    if (!first) throw faults[0] ?? new Error('there is no engine to open');
    this.backend = first.backend;
    this.engine = first.engine;
  }

  /** Hear of a backend that took over after the start: what `measure` says is another thing then. */
  whenReplaced(listener: () => void): void {
    this.onChange = listener;
  }

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    const tokens: number[] = [];
    let decodeMs = 0;
    let hasPrefilled = false;
    const start = () => {
      const engine = this.engine;
      engine.generate(remaining(request, tokens, this.spellings), signal, (event) => {
        switch (event.type) {
          case 'prefill':
            if (!hasPrefilled) listener(event);
            hasPrefilled = true;
            break;
          case 'token':
            tokens.push(event.token);
            listener(event);
            break;
          case 'end':
            decodeMs += event.decodeMs;
            if (this.isLost(event.reason, engine, signal) && this.replace(engine, event.message ?? 'it failed')) {
              try {
                start();
                break;
              } catch {
                // The next one does not take the rest of the request: the fault that matters is the first.
              }
            }
            listener({ ...event, decodedTokens: tokens.length, decodeMs });
        }
      });
    };
    start();
  }

  async measure(): Promise<EngineInfo> {
    for (;;) {
      const { engine, backend } = this;
      try {
        return { ...(await engine.measure()), backend, putAside: this.putAside };
      } catch (error) {
        if (!this.replace(engine, (error as Error).message)) throw error;
      }
    }
  }

  dispose(): void {
    this.waiting.length = 0;
    this.engine.dispose();
  }

  /** Whether a request ended by no fault or wish of its caller's: also one that waited when its engine was replaced. */
  private isLost(reason: EndReason, engine: Measurable, signal: AbortSignal): boolean {
    return !signal.aborted && (reason === 'failed' || (reason === 'aborted' && engine !== this.engine));
  }

  /** Puts an engine aside; false where nothing is left to take its place. */
  private replace(failed: Measurable, reason: string): boolean {
    // Another request has found out before.
    if (failed !== this.engine) return true;
    const backend = this.backend;
    const next = this.openNext([]);
    if (!next) return false;
    this.putAside.push({ backend, reason });
    this.backend = next.backend;
    this.engine = next.engine;
    failed.dispose();
    this.onChange?.();
    return true;
  }

  private openNext(faults: Error[]): { backend: Backend; engine: Measurable } | undefined {
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
      try {
        return { backend: next.backend, engine: next.open() };
      } catch (error) {
        faults.push(error as Error);
        this.putAside.push({ backend: next.backend, reason: (error as Error).message });
      }
    }
    return undefined;
  }
}

/**
 * What is left of a request of which some tokens were decoded.
 * @throws {TypeError} where a token ended inside a character of the text that was given back
 */
function remaining(
  request: GenerateRequest,
  tokens: readonly number[],
  spellings: readonly Uint8Array[],
): GenerateRequest {
  if (tokens.length === 0) return request;
  const spelled = tokens.reduce((sum, token) => sum + (spellings[token]?.length ?? 0), 0);
  const left = new TextEncoder().encode(request.givenBack ?? '').subarray(spelled);
  return {
    ...request,
    prompt: [...request.prompt, ...tokens],
    maxTokens: request.maxTokens - tokens.length,
    notFirst: [],
    givenBack: new TextDecoder('utf-8', { fatal: true }).decode(left),
  };
}
