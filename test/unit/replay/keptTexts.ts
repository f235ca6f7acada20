import type { DocumentId, EngineMemory, MemoryMatch, MemoryStats } from '../../../src/engine/memory';

/** A memory that keeps the texts of its documents, and finds nothing in them. */
export class KeptTexts implements EngineMemory {
  readonly texts = new Map<DocumentId, string>();
  /** Every text that took the place of another. */
  readonly edits: string[] = [];

  remember(document: DocumentId, text: string): Promise<MemoryStats> {
    if (this.texts.has(document)) this.edits.push(text);
    this.texts.set(document, text);
    return this.stats();
  }

  forget(documents: readonly DocumentId[]): Promise<MemoryStats> {
    for (const document of documents) this.texts.delete(document);
    return this.stats();
  }

  look(): Promise<MemoryMatch> {
    return Promise.resolve({ length: 0, count: 0, topShare: 0 });
  }

  private stats(): Promise<MemoryStats> {
    const bytes = [...this.texts.values()].reduce((sum, text) => sum + text.length, 0);
    return Promise.resolve({ documents: this.texts.size, tokens: 0, bytes });
  }
}
