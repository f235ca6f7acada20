import { dirname } from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { cacheNames, submodelGraph, type Weights } from './graph';
import type { Runtime } from './runtime';

const LOG_ERRORS = 3;

/** A submodel that is open. */
interface Opened {
  readonly widths: string;
  readonly session: InferenceSession;
}

/**
 * A checkpoint in ONNX Runtime on the processor: the weights of one submodel, that of the last request, and one cache of keys and
 * values for all. One call at a time.
 */
export class OnnxModel {
  private opened: Opened | undefined;
  /** [layer][keys, values], which the runtime overwrites in place. */
  private readonly cache: readonly (readonly [Tensor, Tensor])[];

  constructor(
    private readonly runtime: Runtime,
    private readonly weights: Weights,
    private readonly threads: number,
  ) {
    const { layers, kvHeads, contextLength, headDim } = weights.config;
    const shape = [1, kvHeads, contextLength, headDim];
    const empty = () => new runtime.Tensor('float32', new Float32Array(kvHeads * contextLength * headDim), shape);
    this.cache = Array.from({ length: layers }, () => [empty(), empty()] as const);
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
    for (const [layer, [keys, values]] of this.cache.entries()) {
      if (!widths[layer]) continue;
      const { pastKey, pastValue, presentKey, presentValue } = cacheNames(layer);
      Object.assign(feeds, { [pastKey]: keys, [pastValue]: values });
      Object.assign(fetches, { [presentKey]: keys, [presentValue]: values });
    }
    const { logits } = await session.run(feeds, fetches);
    return logits?.data as Float32Array;
  }

  async dispose(): Promise<void> {
    const { opened } = this;
    this.opened = undefined;
    await opened?.session.release();
  }

  private async session(widths: readonly number[]): Promise<InferenceSession> {
    const key = widths.join();
    if (this.opened?.widths !== key) {
      await this.dispose();
      this.opened = { widths: key, session: await this.open(widths) };
    }
    return this.opened.session;
  }

  private open(widths: readonly number[]): Promise<InferenceSession> {
    return this.runtime.InferenceSession.create(submodelGraph(this.weights, widths), {
      executionProviders: ['cpu'],
      intraOpNumThreads: this.threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      logSeverityLevel: LOG_ERRORS,
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
