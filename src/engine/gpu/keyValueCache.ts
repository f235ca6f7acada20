import type { ModelConfig } from '../../matlm/config';
import type { GpuDevice } from './device';
import type { Range } from './weights';

const LEAST_POSITIONS = 512;

/**
 * Keys and values of one text on the card as float16, for all submodels. It grows with the text.
 * [layer, keys and values, position, kvHeads, headDim]
 */
export class KeyValueCache {
  private held: GPUBuffer | undefined;
  private capacity = 0;

  constructor(
    private readonly gpu: GpuDevice,
    private readonly config: ModelConfig,
  ) {}

  get bytes(): number {
    return this.held?.size ?? 0;
  }

  /** Another one after each growth. */
  get buffer(): GPUBuffer {
    if (!this.held) throw new Error('the cache has no room yet');
    return this.held;
  }

  /** Bytes of the keys of a layer, and of its values. */
  static rangeBytes({ kvHeads, headDim }: ModelConfig, positions: number): number {
    return alignedBytes(2 * kvHeads * headDim * positions);
  }

  /** Bytes of the whole cache. */
  static bytesFor(config: ModelConfig, positions: number): number {
    return 2 * config.layers * KeyValueCache.rangeBytes(config, positions);
  }

  /**
   * Makes room for this many positions.
   * @throws {GpuError} if the card has too little memory; then nothing is changed
   */
  async reserve(positions: number): Promise<void> {
    if (positions <= this.capacity) return;
    const { device, constants } = this.gpu;
    const { layers, contextLength } = this.config;
    const capacity = Math.min(contextLength + 1, Math.max(positions, LEAST_POSITIONS, 2 * this.capacity));
    const { STORAGE, COPY_SRC, COPY_DST } = constants.GPUBufferUsage;
    const usage = STORAGE | COPY_SRC | COPY_DST;
    const size = KeyValueCache.bytesFor(this.config, capacity);
    const larger = await this.gpu.allocated(() => device.createBuffer({ size, usage }));
    if (this.held) {
      const encoder = device.createCommandEncoder();
      const [before, after] = [this.capacity, capacity].map((of) => KeyValueCache.rangeBytes(this.config, of));
      for (let i = 0; i < 2 * layers; i++)
        encoder.copyBufferToBuffer(this.held, i * (before ?? 0), larger, i * (after ?? 0), before ?? 0);
      device.queue.submit([encoder.finish()]);
      this.held.destroy();
    }
    this.held = larger;
    this.capacity = capacity;
  }

  destroy(): void {
    this.held?.destroy();
    this.held = undefined;
    this.capacity = 0;
  }

  /** Bytes of the keys and values of a position in all layers. */
  get positionBytes(): number {
    const { layers, kvHeads, headDim } = this.config;
    return 2 * layers * 2 * kvHeads * headDim;
  }

  /** Encodes a copy of positions to the beginning of a buffer, without the room between the ranges. */
  copyTo(target: GPUBuffer, begin: number, end: number, encoder: GPUCommandEncoder): void {
    const { layers } = this.config;
    const row = this.positionBytes / (2 * layers);
    const size = row * (end - begin);
    for (let i = 0; i < 2 * layers; i++) {
      const { buffer, offset = 0 } = this.range(i);
      encoder.copyBufferToBuffer(buffer, offset + row * begin, target, i * size, size);
    }
  }

  keysOf(layer: number): Range {
    return this.range(2 * layer);
  }

  valuesOf(layer: number): Range {
    return this.range(2 * layer + 1);
  }

  private range(i: number): Range {
    const size = KeyValueCache.rangeBytes(this.config, this.capacity);
    return { buffer: this.buffer, offset: i * size, size };
  }
}

/**
 * The caches of several documents. All together take at most `maxBytes`, but for the one that is in use: those that were not used
 * for longest are dropped. As KvCachePool in native/src/kv_cache.h.
 */
export class KeyValueCachePool {
  /** The last used last. */
  private readonly caches = new Map<number, KeyValueCache>();

  constructor(
    private readonly gpu: GpuDevice,
    private readonly config: ModelConfig,
    private readonly maxBytes: number,
  ) {}

  get bytes(): number {
    return [...this.caches.values()].reduce((sum, cache) => sum + cache.bytes, 0);
  }

  /** Those of which keys and values are there. */
  get documents(): number[] {
    return [...this.caches].filter(([, { bytes }]) => bytes > 0).map(([document]) => document);
  }

  /** The cache of a document, perhaps a new and empty one. */
  of(document: number): KeyValueCache {
    const cache = this.caches.get(document) ?? new KeyValueCache(this.gpu, this.config);
    this.caches.delete(document);
    this.caches.set(document, cache);
    this.shrink(this.maxBytes);
    return cache;
  }

  /**
   * Makes room in the cache that was asked for last. If the card has too little memory, all others are dropped.
   * @throws {GpuError} if it still has too little
   */
  async reserve(positions: number): Promise<void> {
    const last = [...this.caches.values()].at(-1);
    try {
      await last?.reserve(positions);
    } catch (error) {
      if (this.caches.size < 2) throw error;
      this.shrink(0);
      await last?.reserve(positions);
    }
    this.shrink(this.maxBytes);
  }

  forget(documents: readonly number[]): void {
    for (const document of documents) {
      this.caches.get(document)?.destroy();
      this.caches.delete(document);
    }
  }

  private shrink(maxBytes: number): void {
    for (const document of this.caches.keys()) {
      if (this.caches.size < 2 || this.bytes <= maxBytes) return;
      this.forget([document]);
    }
  }
}

/** A multiple of the distance that every card can bind. */
function alignedBytes(bytes: number): number {
  return Math.ceil(bytes / 256) * 256;
}
