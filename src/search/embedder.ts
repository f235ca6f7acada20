/** Embeds one kind of content into the encoder's metric space. `src/encoders` has the real ones. */
export interface Embedder<Content> {
  /** Changes with the encoder's shape or weights, so that vectors of another one are never compared with its own. */
  readonly identity: string;
  readonly dimensions: number;
  /** From the smallest size to the largest. */
  readonly submodels: readonly string[];
  /** @returns [contents, dimensions] vectors of length 1. Rejects with the signal's reason within milliseconds of an abort. */
  embed(contents: readonly Content[], submodel: string, signal: AbortSignal): Promise<Float32Array>;
}

/** Vectors in int8, as the addon has them. */
export interface VectorIndex {
  /** Vectors that are there already are replaced. @param vectors [ids, dimensions] */
  set(ids: Int32Array, vectors: Float32Array): void;
  remove(ids: Int32Array): void;
  /** The nearest to a vector, best first. @param prefix of the dimensions that are compared; all by default */
  search(query: Float32Array, count: number, prefix?: number): Promise<VectorHits>;
  readonly size: number;
  readonly bytes: number;
  export(): VectorValues;
  import(ids: Int32Array, values: Int8Array): void;
}

export interface VectorHits {
  readonly ids: Int32Array;
  readonly scores: Float32Array;
}

export interface VectorValues {
  readonly ids: Int32Array;
  /** [ids, dimensions] */
  readonly values: Int8Array;
}
