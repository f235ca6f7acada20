import type { NativeMemory } from './addon';
import {
  AT_ONCE,
  type Backend,
  type BackendReason,
  type EndEvent,
  ended,
  type EngineInfo,
  FinalError,
  type GenerateEvent,
  type GenerateRequest,
  type InTurn,
  isOnGpu,
} from './engine';
import type { LocalBackend } from './localBackend';
import type { LocalEngine } from './native';
import { remaining } from './remaining';

/** A backend that can be opened. */
export interface BackendCandidate {
  readonly backend: Backend;
  /**
   * @param processor the native engine of the backend before, which goes on as this one or as a part of it, if it needs one
   * @throws if it does not load
   */
  readonly open: (processor?: LocalEngine) => LocalBackend;
}

export interface FallbackOptions {
  /** Runs each request of the measurement of a backend that is about to take over, if others use the process meanwhile. */
  readonly inTurn?: InTurn | undefined;
  /** Why the GPU is not used from the start, see `yieldGpu`. */
  readonly yieldReason?: string | undefined;
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
 *
 * The native engine is open once at most, and so is the model on the card: a backend takes over the native engine of the one before it, with
 * its weights and all that it has read.
 */
export class FallbackEngine implements LocalBackend {
  /** In the order of preference, without the rejected ones. */
  private candidates: readonly BackendCandidate[];
  private readonly rejected: BackendReason[] = [];
  private current: Opened;
  /** The backend that work is about to move to. */
  private coming: LocalBackend | undefined;
  /** What the current backend measured, before it took over or since. */
  private measured: EngineInfo | undefined;
  /** Why the GPU is left alone; undefined if it may be used. */
  private yieldReason: string | undefined;
  private readonly inTurn: InTurn;
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
    { inTurn = AT_ONCE, yieldReason }: FallbackOptions = {},
  ) {
    this.candidates = candidates;
    this.inTurn = inTurn;
    this.yieldReason = yieldReason;
    this.current = this.openFirst();
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

  async measure(inTurn = this.inTurn): Promise<EngineInfo> {
    for (;;) {
      const used = this.current;
      try {
        const info = this.measured ?? (await used.engine.measure(inTurn));
        // It says nothing of the backend that has taken over meanwhile.
        if (used !== this.current) continue;
        this.measured = info;
        const { yielded } = this;
        const { backend } = used.candidate;
        return { ...info, backend, rejected: [...this.rejected], ...(yielded && { yielded }) };
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
    return this.moveAfter(() => {
      this.yieldReason = reason;
    });
  }

  /** Use the candidates that a probe has found since the start: work moves to the first unless it is there already. */
  adopt(candidates: readonly BackendCandidate[]): Promise<void> {
    return this.moveAfter(() => {
      const { candidate } = this.current;
      this.candidates = candidates
        .filter(({ backend }) => !this.rejected.some((other) => other.backend === backend))
        .map((found) => (found.backend === candidate.backend ? candidate : found));
    });
  }

  /**
   * @param info what the same model measured when it was open before
   * @returns false if that was on another backend
   */
  restore(info: EngineInfo): boolean {
    if (info.backend !== this.current.candidate.backend) return false;
    this.current.engine.restore?.(info);
    return true;
  }

  forget(cacheKeys: readonly number[]): void {
    this.current.engine.forget?.(cacheKeys);
  }

  dispose(): void {
    this.isDisposed = true;
    this.onChange = undefined;
    this.candidates = [];
    this.current.engine.dispose();
  }

  /** Moves to the backend that is best after a change, once the moves before have ended. One that fails does not keep the next from running. */
  private moveAfter(change: () => void): Promise<void> {
    const moved = this.moves.then(async () => {
      if (this.isDisposed) return;
      const yieldedBefore = JSON.stringify(this.yielded);
      change();
      let hasMoved = false;
      for (let next = this.nextMove(); next; next = this.nextMove()) {
        await this.moveTo(next);
        hasMoved = true;
      }
      const hasChanged = hasMoved || JSON.stringify(this.yielded) !== yieldedBefore;
      if (hasChanged) this.onChange?.();
    });
    this.moves = moved.catch(() => undefined);
    return moved;
  }

  /** The candidates, those on the GPU last if it is left alone. */
  private get usable(): readonly BackendCandidate[] {
    if (this.yieldReason === undefined) return this.candidates;
    return this.candidates.toSorted((a, b) => Number(isOnGpu(a.backend)) - Number(isOnGpu(b.backend)));
  }

  /** The backend that would be in use if the GPU were not left alone. */
  private get yielded(): BackendReason | undefined {
    const [best] = this.candidates;
    const { yieldReason: reason } = this;
    if (!best || reason === undefined || best === this.usable[0] || isOnGpu(this.current.candidate.backend))
      return undefined;
    return { backend: best.backend, reason };
  }

  /** From one backend on the GPU to another the way is over the processor, because the card may not have memory for the model twice. */
  private nextMove(): BackendCandidate | undefined {
    const [best] = this.usable;
    const { candidate } = this.current;
    if (!best || best === candidate) return undefined;
    if (!isOnGpu(best.backend) || !isOnGpu(candidate.backend)) return best;
    return this.usable.find(({ backend }) => !isOnGpu(backend)) ?? best;
  }

  /** Opens and measures a backend, which compiles its kernels, and then gives it the work. It is rejected if it fails. */
  private async moveTo(candidate: BackendCandidate): Promise<void> {
    const before = this.current;
    // The backend in use may fail and be replaced at any time.
    const hasLeft = () => this.isDisposed || this.current !== before;
    let engine: LocalBackend | undefined;
    try {
      engine = candidate.open(before.engine.processor);
      this.coming = engine;
      const info = await engine.measure(this.inTurn);
      if (hasLeft()) {
        engine.dispose(this.current.engine.processor);
        return;
      }
      this.current = { candidate, engine };
      this.measured = info;
      before.engine.dispose(engine.processor);
      // Its request ends first. The next backend may need the memory.
      await before.engine.whenClosed?.();
    } catch (error) {
      engine?.dispose(this.current.engine.processor);
      if (hasLeft()) return;
      // What one meets, all others on the same side would meet.
      const isMet = (other: BackendCandidate) =>
        error instanceof FinalError &&
        other !== before.candidate &&
        isOnGpu(other.backend) === isOnGpu(candidate.backend);
      for (const other of this.candidates)
        if (other === candidate || isMet(other)) this.reject(other, (error as Error).message);
    } finally {
      this.coming = undefined;
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
    if (this.candidates.every((candidate) => candidate === failed.candidate)) return false;
    this.reject(failed.candidate, reason);
    // If the card failed, the processor did not. What failed is closed first, because there may not be memory for both; the memory of a
    // card is free when the request that is running there has ended.
    const processor = isOnGpu(failed.candidate.backend)
      ? (failed.engine.processor ?? this.coming?.processor)
      : undefined;
    failed.engine.dispose(processor);
    try {
      this.current = this.openFirst(processor);
    } catch (error) {
      this.current = { candidate: failed.candidate, engine: noBackend(`${reason}; ${(error as Error).message}`) };
      this.candidates = [];
    }
    if (this.current.engine.processor !== processor) processor?.dispose();
    this.measured = undefined;
    this.onChange?.();
    return true;
  }

  /**
   * @throws {FinalError} if no backend can run the model
   * @throws {AggregateError} the faults of all candidates, if none opens
   */
  private openFirst(processor?: LocalEngine): Opened {
    const faults: Error[] = [];
    for (const candidate of this.usable) {
      try {
        return { candidate, engine: candidate.open(processor) };
      } catch (error) {
        if (error instanceof FinalError) throw error;
        faults.push(error as Error);
        this.reject(candidate, (error as Error).message);
      }
    }
    const message = faults.map((fault) => fault.message).join(' ') || 'there is no engine to open';
    throw new AggregateError(faults, message);
  }

  private reject(candidate: BackendCandidate, reason: string): void {
    this.candidates = this.candidates.filter((other) => other !== candidate);
    this.rejected.push({ backend: candidate.backend, reason });
  }
}

/** Stands in for a backend that failed if no other opens: each request ends with the reason, and so does a measurement. */
function noBackend(reason: string): LocalBackend {
  return {
    generate: (_request, _signal, listener) => {
      listener(ended('failed', { message: reason, isFinal: true }));
    },
    measure: () => Promise.reject(new FinalError(reason)),
    dispose: () => undefined,
  };
}
