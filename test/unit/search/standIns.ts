import { createHash } from 'node:crypto';
import type { Embedder, VectorHits, VectorIndex, VectorValues } from '../../../src/search/embedder';

const DIMENSIONS = 64;

/** Embeds a text as the set of its words, so that texts that share words are near. All sizes give the same. */
export class WordEmbedder implements Embedder<string> {
  readonly dimensions = DIMENSIONS;
  readonly submodels = ['S', 'XL'];
  /** All that was embedded, in order. */
  readonly embedded: { readonly text: string; readonly submodel: string }[] = [];
  /** Awaited before each batch is answered. */
  before: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();

  constructor(readonly identity = 'words 1') {}

  async embed(texts: readonly string[], submodel: string, signal: AbortSignal): Promise<Float32Array> {
    await this.before(signal);
    signal.throwIfAborted();
    this.embedded.push(...texts.map((text) => ({ text, submodel })));
    const vectors = new Float32Array(texts.length * DIMENSIONS);
    texts.forEach((text, i) => {
      vectors.set(vectorOf(text), i * DIMENSIONS);
    });
    return vectors;
  }

  /** The texts that the index had embedded since the last call. */
  take(): string[] {
    return this.embedded
      .splice(0)
      .filter(({ submodel }) => submodel === 'XL')
      .map(({ text }) => text);
  }
}

function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(DIMENSIONS);
  const words = text.match(/[A-Z]?[a-z]+|\d+/g) ?? ['nothing'];
  for (const word of new Set(words.map((one) => one.toLowerCase()))) {
    const digest = createHash('sha256').update(word).digest();
    for (let i = 0; i < DIMENSIONS; i++) vector[i]! += ((digest[i % digest.length]! >> (i >= 32 ? 1 : 0)) & 1) - 0.5;
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

/** What the addon's index does, in float. */
export class PlainVectors implements VectorIndex {
  private readonly vectors = new Map<number, Float32Array>();

  constructor(private readonly dimensions = DIMENSIONS) {}

  set(ids: Int32Array, vectors: Float32Array): void {
    if (vectors.length !== ids.length * this.dimensions) throw new Error('the vectors have another length');
    ids.forEach((id, i) => {
      this.vectors.set(id, vectors.slice(i * this.dimensions, (i + 1) * this.dimensions));
    });
  }

  remove(ids: Int32Array): void {
    for (const id of ids) this.vectors.delete(id);
  }

  search(query: Float32Array, count: number): Promise<VectorHits> {
    const dot = (vector: Float32Array) => vector.reduce((sum, value, i) => sum + value * query[i]!, 0);
    const all = [...this.vectors]
      .map(([id, vector]) => ({ id, score: dot(vector) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, count);
    return Promise.resolve({
      ids: Int32Array.from(all, ({ id }) => id),
      scores: Float32Array.from(all, ({ score }) => score),
    });
  }

  get size(): number {
    return this.vectors.size;
  }

  get bytes(): number {
    return this.size * this.dimensions;
  }

  export(): VectorValues {
    const values = new Int8Array(this.size * this.dimensions);
    [...this.vectors.values()].forEach((vector, i) => {
      const scale = Math.max(...vector.map(Math.abs)) / 127;
      values.set(
        Array.from(vector, (value) => Math.round(value / scale)),
        i * this.dimensions,
      );
    });
    return { ids: Int32Array.from(this.vectors.keys()), values };
  }

  import(ids: Int32Array, values: Int8Array): void {
    if (values.length !== ids.length * this.dimensions) throw new Error('the vectors have another length');
    ids.forEach((id, i) => {
      const row = Float32Array.from(values.subarray(i * this.dimensions, (i + 1) * this.dimensions));
      const length = Math.hypot(...row) || 1;
      this.vectors.set(
        id,
        row.map((value) => value / length),
      );
    });
  }
}
