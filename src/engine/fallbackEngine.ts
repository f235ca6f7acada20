import type { EndReason } from './addon';
import { type Backend, type EngineInfo, type GenerateEvent, type GenerateRequest, isOnGpu } from './engine';
import type { Measurable } from './measure';

/** A backend that can be opened; `open` throws where it does not load. */
export interface Candidate {
  readonly backend: Backend;
  readonly open: () => Measurable;
}

/** A backend in use. */
interface Opened {
  readonly candidate: Candidate;
  readonly engine: Measurable;
}

/**
 * The first of several backends that works. One that fails, when it is opened or in the middle of a request (a graphics
 * card's driver was reset, or slept), is put aside for good and its request goes on with the next from the token where
 * it stood. One whose card others need is left for a while, in the same manner.
 */
export class FallbackEngine implements Measurable {
  /** In the order of preference, without what was put aside. */
  private candidates: readonly Candidate[];
  private readonly rejected: { backend: Backend; reason: string }[] = [];
  private current: Opened;
  /** Where it was measured before it took over. */
  private measured: EngineInfo | undefined;
  private yielded: { readonly candidate: Candidate; readonly reason: string } | undefined;
  /** Moves to another backend happen one after the other; this is the end of the last. */
  private moves: Promise<void> = Promise.resolve();
  private isDisposed = false;
  private onChange: (() => void) | undefined;

  /**
   * @param candidates in the order of preference
   * @param tokenBytes [vocabulary] what each token spells
   * @throws the fault of the first, where none opens
   */
  constructor(
    candidates: readonly Candidate[],
    private readonly tokenBytes: readonly Uint8Array[],
  ) {
    this.candidates = candidates;
    const faults: Error[] = [];
    const first = this.openFirst(candidates, faults);
    if (!first) throw faults[0] ?? new Error('there is no engine to open');
    this.current = first;
  }

  /** Hear of a backend that took over after the start: what `measure` says is another thing then. */
  whenReplaced(listener: () => void): void {
    this.onChange = listener;
  }

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    const tokens: number[] = [];
    let [decodeMs, passes] = [0, 0];
    let hasPrefilled = false;
    const start = () => {
      const used = this.current;
      used.engine.generate(remaining(request, tokens, this.tokenBytes), signal, (event) => {
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
            passes += event.passes;
            if (this.isLost(event.reason, used, signal) && this.replace(used, event.message ?? 'it failed')) {
              try {
                start();
                break;
              } catch {
                // The next one does not take the rest of the request: the fault that matters is the first.
              }
            }
            listener({ ...event, decodedTokens: tokens.length, passes, decodeMs });
        }
      });
    };
    start();
  }

  async measure(): Promise<EngineInfo> {
    for (;;) {
      const used = this.current;
      try {
        const info = this.measured ?? (await used.engine.measure());
        const { candidate, reason } = this.yielded ?? {};
        const { backend } = used.candidate;
        const left = candidate && reason ? { yielded: { backend: candidate.backend, reason } } : {};
        return { ...info, backend, rejected: [...this.rejected], ...left };
      } catch (error) {
        if (!this.replace(used, (error as Error).message)) throw error;
      }
    }
  }

  /**
   * Leave the card to others, for a reason, or use it again, for none. Work goes to the processor and returns when the
   * model is open on the other side; what is under way moves with it.
   */
  yieldGpu(reason: string | undefined): Promise<void> {
    return this.inTurn(async () => {
      const left = this.yielded;
      if (reason !== undefined && !left && isOnGpu(this.current.candidate.backend)) {
        const { candidate } = this.current;
        const onProcessor = this.candidates.find(({ backend }) => !isOnGpu(backend));
        if (onProcessor && (await this.moveTo(onProcessor))) this.yielded = { candidate, reason };
      } else if (reason === undefined && left) {
        this.yielded = undefined;
        await this.moveTo(left.candidate);
      } else return;
      this.onChange?.();
    });
  }

  /** Take candidates that a probe has found since the start: work goes to the first, if it is another than now. */
  adopt(candidates: readonly Candidate[]): Promise<void> {
    return this.inTurn(async () => {
      const usable = candidates.filter(({ backend }) => !this.rejected.some((aside) => aside.backend === backend));
      const { candidate } = this.current;
      this.candidates = usable.map((found) => (found.backend === candidate.backend ? candidate : found));
      const [best] = this.candidates;
      if (!best || best === candidate) return;
      await this.moveTo(best);
      this.onChange?.();
    });
  }

  dispose(): void {
    this.isDisposed = true;
    this.candidates = [];
    this.current.engine.dispose();
  }

  private inTurn(move: () => Promise<void>): Promise<void> {
    this.moves = this.moves.then(() => (this.isDisposed ? undefined : move()));
    return this.moves;
  }

  /** Opens and measures a backend, which compiles its kernels, and only then gives it the work; false where it fails. */
  private async moveTo(candidate: Candidate): Promise<boolean> {
    const before = this.current;
    let engine: Measurable | undefined;
    try {
      engine = candidate.open();
      const info = await engine.measure();
      // What was used may have failed meanwhile, and another have taken its place.
      if (this.isDisposed || this.current !== before) {
        engine.dispose();
        return false;
      }
      this.current = { candidate, engine };
      this.measured = info;
      before.engine.dispose();
      return true;
    } catch (error) {
      engine?.dispose();
      this.drop(candidate, (error as Error).message);
      return false;
    }
  }

  /** Whether a request ended by no fault or wish of its caller's: also one whose engine was replaced. */
  private isLost(reason: EndReason, used: Opened, signal: AbortSignal): boolean {
    return !signal.aborted && (reason === 'failed' || (reason === 'aborted' && used !== this.current));
  }

  /** Puts a backend aside; false where nothing is left to take its place. */
  private replace(failed: Opened, reason: string): boolean {
    // Another request has found out before, or it was left.
    if (failed !== this.current) return true;
    const others = this.candidates.filter((candidate) => candidate !== failed.candidate);
    const isLeft = (candidate: Candidate) => Number(candidate === this.yielded?.candidate);
    const next = this.openFirst(
      others.toSorted((a, b) => isLeft(a) - isLeft(b)),
      [],
    );
    if (!next) return false;
    this.drop(failed.candidate, reason);
    this.current = next;
    this.measured = undefined;
    if (isLeft(next.candidate)) this.yielded = undefined;
    failed.engine.dispose();
    this.onChange?.();
    return true;
  }

  private openFirst(candidates: readonly Candidate[], faults: Error[]): Opened | undefined {
    for (const candidate of candidates) {
      try {
        return { candidate, engine: candidate.open() };
      } catch (error) {
        faults.push(error as Error);
        this.drop(candidate, (error as Error).message);
      }
    }
    return undefined;
  }

  private drop(candidate: Candidate, reason: string): void {
    this.candidates = this.candidates.filter((other) => other !== candidate);
    this.rejected.push({ backend: candidate.backend, reason });
  }
}

/**
 * What is left of a request of which some tokens were decoded.
 * @throws {TypeError} where a token ended inside a character of the text that was given back
 */
function remaining(
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
    healingPrefix: new TextDecoder('utf-8', { fatal: true }).decode(left),
  };
}
