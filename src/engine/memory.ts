/** What the engine knows of the workspace: documents in which each prediction looks for earlier matches. */

/** A document of the memory, by a number that its owner chooses. */
export type DocumentId = number;

export interface MemoryStats {
  readonly documents: number;
  readonly tokens: number;
  /** Of memory that the documents and their index need. */
  readonly bytes: number;
}

/** The document that a request completes, so that the memory does not find the very place that is being typed. */
export interface MemoryPlace {
  /** Undefined if the document is not in the memory. */
  readonly document?: DocumentId;
  /** Lines of the remembered text, from 0, first and last, that are being typed: nothing is found there. */
  readonly hiddenLines?: readonly [first: number, last: number];
  /** Another number means that other documents have been added, changed or forgotten since. The engine does not read it. */
  readonly revision?: number;
}

/** The longest match with the end of a text. */
export interface MemoryMatch {
  /** In tokens, 0 to 32. */
  readonly length: number;
  /** How often it occurs. */
  readonly count: number;
  /** Of its occurrences, the share that goes on with the most frequent token, 0 to 1. */
  readonly topShare: number;
}

/** The memory of an engine. The promises settle when the change has taken effect; they reject if the engine has gone. */
export interface EngineMemory {
  /** Add a document, or replace it. */
  remember(document: DocumentId, text: string): Promise<MemoryStats>;
  /** Forget documents: nothing of them is found any more, by running requests too. */
  forget(documents: readonly DocumentId[]): Promise<MemoryStats>;
  /** Look up the end of a text, without waiting for requests that run. */
  look(tokens: readonly number[], place: MemoryPlace): Promise<MemoryMatch>;
}
