import type { NativeMemory } from './addon';
import type { Engine, EngineInfo, GenerateEvent, GenerateRequest, InTurn } from './engine';
import type { LocalEngine } from './native';

/** An engine in this process. */
export interface LocalBackend extends Engine {
  /** The native engine that it is or contains. Another backend of the same model can go on with it. */
  readonly processor?: LocalEngine;
  /** @param memory the memory that the request uses, if it is not the engine's own */
  generate(
    request: GenerateRequest,
    signal: AbortSignal,
    listener: (event: GenerateEvent) => void,
    memory?: NativeMemory,
  ): void;
  /**
   * The engine's description, with the measured cost of each size.
   * @param inTurn runs each request of the measurement, if others use the engine meanwhile
   */
  measure(inTurn?: InTurn): Promise<EngineInfo>;
  /** What an engine of the same model and backend measured before, instead of `measure`. */
  restore?(info: EngineInfo): void;
  /** Free the keys and values of documents, if each has its own. */
  forget?(cacheKeys: readonly number[]): void;
  /** @param kept the native engine, if another backend goes on with it */
  dispose(kept?: LocalEngine): void;
  /** Resolves when its memory is free after `dispose`, if that waits for the end of a request. */
  whenClosed?(): Promise<void>;
}
