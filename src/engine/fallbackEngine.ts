import type { NativeMemory } from './addon';
import {
  type Backend,
  type BackendReason,
  type EndEvent,
  type EngineInfo,
  FinalError,
  type GenerateEvent,
  type GenerateRequest,
  type InTurn,
  isOnGpu,
} from './engine';
import type { LocalBackend } from './localBackend';
import { remaining } from './remaining';

/** A backend that can be opened; `open` throws if it does not load. */
export interface BackendCandidate {
  readonly backend: Backend;
  readonly open: () => LocalBackend;
}

/** A backend in use. */
interface Opened {
  readonly candidate: BackendCandidate;
  readonly engine: LocalBackend;
}

/**
 * The first of several backends that works. If one fails, when it is opened or in the middle of a request (because the
 * GPU's driver was reset, for example), it is rejected for good and its request continues on the next one from its last
 * token. If other programs need the GPU, or on battery, its backend yields for a while in the same way. A `FinalError` rejects nothing:
 * the next backend would meet it too, and may use far more memory before it does.
 */
export class FallbackEngine implements LocalBackend {
  /** In the order of preference, without the rejected ones. */
  private candidates: readonly BackendCandidate[];
  private readonly rejected: BackendReason[] = [];
  private current: Opened;
  /** Set if the current backend was measured before it took over. */
  private measured: EngineInfo | undefined;
  private yielded: { readonly candidate: BackendCandidate; readonly reason: string } | undefined;
  /** Moves to another backend run one after the other; this is the end of the last. */
  private moves: Promise<void> = Promise.resolve();
  private isDisposed = false;
  private onChange: (() => void) | undefined;

  /**
   * @param candidates in the order of preference
   * @param tokenBytes [vocabulary] the bytes of each token
   * @throws {FinalError} if no backend can run the model
   * @throws {AggregateError} the faults of all candidates, if none opens
   */
  constructor(
    candidates: readonly BackendCandidate[],
    private readonly tokenBytes: readonly Uint8Array[],
  ) {
    this.candidates = candidates;
    const faults: Error[] = [];
    const first = this.openFirst(candidates, faults);
    if (!first) {
      const message = faults.map((fault) => fault.message).join(' ') || 'there is no engine to open';
      throw new AggregateError(faults, message);
    }
    this.current = first;
  }

  /** Call `listener` when another backend has taken over, after which `measure` gives other values. */
  whenReplaced(listener: () => void): void {
    this.onChange = listener;
  }

  generate(
    request: GenerateRequest,
    signal: AbortSignal,
    listener: (event: GenerateEvent) => void,
    memory?: NativeMemory,
  ): void {
    const tokens: number[] = [];
    let [decodeMs, passes] = [0, 0];
    let hasPrefilled = false;
    const start = () => {
      const used = this.current;
      const hear = (event: GenerateEvent) => {
        switch (event.type) {
          case 'progress':
            listener(event);
            break;
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
            if (this.isLost(event, used, signal) && this.replace(used, event.message ?? 'it failed')) {
              try {
                start();
                break;
              } catch {
                // The next backend refuses the rest of the request. The first fault is reported.
              }
            }
            listener({ ...event, decodedTokens: tokens.length, passes, decodeMs });
        }
      };
      used.engine.generate(remaining(request, tokens, this.tokenBytes), signal, hear, memory);
    };
    start();
  }

  async measure(inTurn?: InTurn): Promise<EngineInfo> {
    for (;;) {
      const used = this.current;
      try {
        const info = this.measured ?? (await used.engine.measure(inTurn));
        const { candidate, reason } = this.yielded ?? {};
        const { backend } = used.candidate;
        const yielded = candidate && reason ? { yielded: { backend: candidate.backend, reason } } : {};
        return { ...info, backend, rejected: [...this.rejected], ...yielded };
      } catch (error) {
        if (error instanceof FinalError || !this.replace(used, (error as Error).message)) throw error;
      }
    }
  }

  /**
   * Yield the GPU for a reason, or take it back if there is none. Work moves when the model is open on
   * the other side, and a request that is running moves with it.
   */
  yieldGpu(reason: string | undefined): Promise<void> {
    return this.inTurn(async () => {
      const { yielded } = this;
      if (reason !== undefined && !yielded && isOnGpu(this.current.candidate.backend)) {
        const { candidate } = this.current;
        const onProcessor = this.candidates.find(({ backend }) => !isOnGpu(backend));
        if (onProcessor && (await this.moveTo(onProcessor))) this.yielded = { candidate, reason };
      } else if (reason === undefined && yielded) {
        this.yielded = undefined;
        await this.moveTo(yielded.candidate);
      } else return;
      this.onChange?.();
    });
  }

  /** Use the candidates that a probe has found since the start: work moves to the first unless it is there already. */
  adopt(candidates: readonly BackendCandidate[]): Promise<void> {
    return this.inTurn(async () => {
      const usable = candidates.filter(({ backend }) => !this.rejected.some((other) => other.backend === backend));
      const { candidate } = this.current;
      this.candidates = usable.map((found) => (found.backend === candidate.backend ? candidate : found));
      const { yielded } = this;
      if (yielded) {
        // The GPU stays yielded, and what is taken back is what was found now.
        const onGpu = this.candidates.find(({ backend }) => isOnGpu(backend));
        this.yielded = onGpu && { candidate: onGpu, reason: yielded.reason };
      }
      const best = this.candidates.find(({ backend }) => !yielded || !isOnGpu(backend));
      if (!best || best === candidate) return;
      await this.moveTo(best);
      this.onChange?.();
    });
  }

  /** @param info what the same engine measured when it was open before */
  restore(info: EngineInfo): void {
    if (info.backend === this.current.candidate.backend) this.current.engine.restore?.(info);
  }

  forget(cacheKeys: readonly number[]): void {
    this.current.engine.forget?.(cacheKeys);
  }

  dispose(): void {
    this.isDisposed = true;
    this.candidates = [];
    this.current.engine.dispose();
  }

  /** A move that fails does not keep the next ones from running. */
  private inTurn(move: () => Promise<void>): Promise<void> {
    const moved = this.moves.then(() => (this.isDisposed ? undefined : move()));
    this.moves = moved.catch(() => undefined);
    return moved;
  }

  /** Opens and measures a backend, which compiles its kernels, and then gives it the work; false if it fails. */
  private async moveTo(candidate: BackendCandidate): Promise<boolean> {
    const before = this.current;
    let engine: LocalBackend | undefined;
    try {
      engine = candidate.open();
      const info = await engine.measure();
      // The backend in use may have failed meanwhile and been replaced.
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
      this.reject(candidate, (error as Error).message);
      return false;
    }
  }

  /** Whether a request ended because of its backend, which includes one that was replaced while it ran. */
  private isLost({ reason, isFinal }: EndEvent, used: Opened, signal: AbortSignal): boolean {
    if (signal.aborted || isFinal) return false;
    return reason === 'failed' || (reason === 'aborted' && used !== this.current);
  }

  /** Rejects a backend; false if nothing is left to take its place. */
  private replace(failed: Opened, reason: string): boolean {
    // Another request has hit the fault first, or work has moved to another backend.
    if (failed !== this.current) return true;
    const others = this.candidates.filter((candidate) => candidate !== failed.candidate);
    const hasYielded = (candidate: BackendCandidate) => Number(candidate === this.yielded?.candidate);
    const next = this.openNext(others.toSorted((a, b) => hasYielded(a) - hasYielded(b)));
    if (!next) return false;
    this.reject(failed.candidate, reason);
    this.current = next;
    this.measured = undefined;
    if (hasYielded(next.candidate)) this.yielded = undefined;
    failed.engine.dispose();
    this.onChange?.();
    return true;
  }

  private openNext(candidates: readonly BackendCandidate[]): Opened | undefined {
    try {
      return this.openFirst(candidates, []);
    } catch {
      return undefined; // a final error: the request ends with the fault that it met first
    }
  }

  /** @throws {FinalError} if no backend can run the model */
  private openFirst(candidates: readonly BackendCandidate[], faults: Error[]): Opened | undefined {
    for (const candidate of candidates) {
      try {
        return { candidate, engine: candidate.open() };
      } catch (error) {
        if (error instanceof FinalError) throw error;
        faults.push(error as Error);
        this.reject(candidate, (error as Error).message);
      }
    }
    return undefined;
  }

  private reject(candidate: BackendCandidate, reason: string): void {
    this.candidates = this.candidates.filter((other) => other !== candidate);
    this.rejected.push({ backend: candidate.backend, reason });
  }
}
