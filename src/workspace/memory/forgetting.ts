import type { DocumentId, EngineMemory, MemoryStats } from '../../engine/memory';

export interface Forgotten {
  readonly onStats: (stats: MemoryStats, memory: EngineMemory) => void;
  readonly onFault: (fault: unknown, memory: EngineMemory) => void;
}

/** Documents that are forgotten in the same turn, such as those of a folder, go to the engine in one message. */
export class Forgetting {
  private documents: DocumentId[] = [];
  private memory: EngineMemory | undefined;

  constructor(private readonly parts: Forgotten) {}

  add(memory: EngineMemory, documents: readonly DocumentId[]): void {
    if (documents.length === 0) return;
    if (this.memory !== memory) this.send();
    this.memory = memory;
    if (this.documents.length === 0) {
      queueMicrotask(() => {
        this.send();
      });
    }
    this.documents.push(...documents);
  }

  /** Do not wait for the end of the turn. */
  send(): void {
    const { memory, documents, parts } = this;
    this.documents = [];
    if (!memory || documents.length === 0) return;
    memory.forget(documents).then(
      (stats) => {
        parts.onStats(stats, memory);
      },
      (fault: unknown) => {
        parts.onFault(fault, memory);
      },
    );
  }
}
