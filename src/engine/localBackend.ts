import type { NativeMemory } from './addon';
import type { Engine, EngineInfo, GenerateEvent, GenerateRequest, InTurn } from './engine';

/** An engine in this process. */
export interface LocalBackend extends Engine {
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
  dispose(): void;
}
