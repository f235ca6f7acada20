import { dirname } from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { cacheNames, submodelGraph, type Weights } from './graph';
import type { Provider, Runtime } from './runtime';

/** Submodels that stay open: each holds its own copy of its weights, in the form that its provider reads. */
const MAX_OPEN = 8;

const LOG_ERRORS = 3;

/**
 * A checkpoint in ONNX Runtime: a session for each submodel in use and one cache of keys and values for all of them,
 * which stays on the provider's device. One call at a time.
 */
export class OnnxModel {
  /** By widths; the least recently used comes first. */
  private readonly sessions = new Map<string, InferenceSession>();
  private readonly cache: Tensor[][];

  constructor(
    private readonly runtime: Runtime,
    private readonly weights: Weights,
    private readonly provider: Provider,
    private readonly threads: number,
  ) {
    const { layers, kvHeads, contextLength, headDim } = weights.config;
    const shape = [1, kvHeads, contextLength, headDim];
    const empty = () => new runtime.Tensor('float32', new Float32Array(kvHeads * contextLength * headDim), shape);
    this.cache = Array.from({ length: layers }, () => [empty(), empty()]);
  }

  get cacheBytes(): number {
    const { layers, kvHeads, contextLength, headDim } = this.weights.config;
    return layers * 2 * kvHeads * contextLength * headDim * Float32Array.BYTES_PER_ELEMENT;
  }

  /**
   * Read tokens after the first `past` of the sequence, and overwrite everything that the cache holds after them.
   * @param rows positions among `tokens` whose logits are wanted
   * @returns logits, [rows, vocabulary]
   */
  async read(
    tokens: readonly number[],
    past: number,
    widths: readonly number[],
    rows: readonly number[],
  ): Promise<Float32Array> {
    const session = await this.session(widths);
    const feeds: Record<string, Tensor> = {
      ids: this.integers(tokens, [1, tokens.length]),
      rows: this.integers(rows),
      last: this.integers([past + tokens.length - 1]),
      total: this.integers([past + tokens.length]),
    };
    const fetches: Record<string, Tensor | null> = { logits: null };
    const layers = [...widths.keys()].filter((layer) => (widths[layer] ?? 0) > 0);
    for (const layer of layers) {
      const [key, value] = this.cache[layer] as [Tensor, Tensor];
      const { pastKey, pastValue, presentKey, presentValue } = cacheNames(layer);
      Object.assign(feeds, { [pastKey]: key, [pastValue]: value });
      // New keys and values overwrite the old ones in place, but not with WebGPU, whose kernels are then wrong for single
      // tokens (1.30.0). A copy within the GPU's memory is fast.
      const inPlace = this.provider !== 'webgpu';
      Object.assign(fetches, { [presentKey]: inPlace ? key : null, [presentValue]: inPlace ? value : null });
    }
    const results = await session.run(feeds, fetches);
    for (const layer of layers) {
      const { presentKey, presentValue } = cacheNames(layer);
      const present = [results[presentKey], results[presentValue]] as Tensor[];
      // The garbage collector does not free buffers on the GPU.
      for (const [i, old] of (this.cache[layer] ?? []).entries()) if (old !== present[i]) old.dispose();
      this.cache[layer] = present;
    }
    return results.logits?.data as Float32Array;
  }

  async dispose(): Promise<void> {
    const open = [...this.sessions.values()];
    this.sessions.clear();
    for (const tensor of this.cache.flat()) tensor.dispose();
    await Promise.all(open.map((session) => session.release()));
  }

  private async session(widths: readonly number[]): Promise<InferenceSession> {
    const key = widths.join();
    const session = this.sessions.get(key) ?? (await this.open(widths));
    this.sessions.delete(key);
    this.sessions.set(key, session);
    const [oldest] = this.sessions;
    if (oldest && this.sessions.size > MAX_OPEN) {
      this.sessions.delete(oldest[0]);
      await oldest[1].release();
    }
    return session;
  }

  private open(widths: readonly number[]): Promise<InferenceSession> {
    const location: Record<string, 'cpu' | 'gpu-buffer'> = { logits: 'cpu' };
    for (const [layer, width] of widths.entries()) {
      const { presentKey, presentValue } = cacheNames(layer);
      if (width > 0) location[presentKey] = location[presentValue] = 'gpu-buffer';
    }
    return this.runtime.InferenceSession.create(submodelGraph(this.weights, widths), {
      executionProviders: [this.provider],
      intraOpNumThreads: this.threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      logSeverityLevel: LOG_ERRORS,
      ...(this.provider === 'webgpu' ? { preferredOutputLocation: location } : {}),
      extra: {
        session: {
          // The folder of the files that the graph's tensors name.
          model_external_initializers_file_folder_path: dirname(this.weights.weightsFile),
          // Spinning threads are fast on an idle machine and slow next to a build or a language server.
          'intra_op.allow_spinning': '0',
        },
      },
    });
  }

  private integers(values: readonly number[], shape = [values.length]): Tensor {
    return new this.runtime.Tensor('int32', Int32Array.from(values), shape);
  }
}
