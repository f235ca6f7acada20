/** Which hidden units of the feed-forward blocks matter, measured on sample text. */
import type { Activations } from '../../engine/addon';
import type { Checkpoint } from '../../matlm/checkpoint';
import { openToRead } from '../../matlm/systemFault';
import type { SampleFile } from '../heldOut';
import { windowsOf } from './scoredText';
import type { ElasticOptions } from './types';
import { columnSquares, mlpName, readMatrix, storedMatrix } from './weights';

/** Tokens that are read together, about as many as the editor's prompts have. */
const WINDOW = 512;
/** More change neither the order nor the means enough to be seen in the loss. */
const MOST_TOKENS = 16_384;

/** What the engine tells of hidden units: `LocalEngine.activations`. */
export interface ActivationSource {
  activations(tokens: readonly number[], signal?: AbortSignal): Promise<Activations>;
}

/** The hidden units of each layer, the most important first. */
export interface SortedUnits {
  /** By layer [ffnSize]: for each place, the unit that moves there. */
  readonly order: readonly Int32Array[];
  /** By layer [ffnSize], in the new order: the mean activation. */
  readonly mean: readonly Float32Array[];
  /** That were read. */
  readonly tokens: number;
}

/**
 * One pass over the text. A unit's importance is the energy that it adds to the residual stream: the mean square of its
 * activation times the squared norm of its column of down (as in Wanda, Sun et al. 2023). What remains of the units that a
 * narrower submodel cuts is their mean (bias compensation, FLAP: An et al. 2024).
 * @throws the signal's reason if it is aborted @throws if the text has no window
 */
export async function calibrate(
  engine: ActivationSource,
  checkpoint: Pick<Checkpoint, 'config' | 'tokenizer' | 'prompt' | 'tensors' | 'weightsFile'>,
  files: readonly SampleFile[],
  options: ElasticOptions = {},
): Promise<SortedUnits> {
  const { signal, onProgress, budgetMs = Infinity, now = () => performance.now() } = options;
  const { layers, ffnSize } = checkpoint.config.model;
  const [mean, square] = [new Float64Array(layers * ffnSize), new Float64Array(layers * ffnSize)];
  const startMs = now();
  const windows = windowsOf(checkpoint, files, WINDOW);
  const total = Math.min(
    MOST_TOKENS,
    windows.reduce((sum, window) => sum + window.tokens.length, 0),
  );
  let tokens = 0;
  for (const window of windows) {
    if (tokens >= total || (tokens > 0 && now() - startMs > budgetMs)) break;
    signal?.throwIfAborted();
    const found = await engine.activations(window.tokens, signal);
    const count = window.tokens.length;
    for (let i = 0; i < mean.length; i++) {
      mean[i] = (mean[i] ?? 0) + (found.mean[i] ?? 0) * count;
      square[i] = (square[i] ?? 0) + (found.square[i] ?? 0) * count;
    }
    tokens += count;
    onProgress?.(Math.min(1, Math.max(tokens / total, (now() - startMs) / budgetMs)));
  }
  if (tokens === 0) throw new Error('the sample text has too few tokens');
  const order: Int32Array[] = [];
  const sortedMean: Float32Array[] = [];
  for (const [layer, norms] of (await downNorms(checkpoint, signal)).entries()) {
    const energy = norms.map((norm, unit) => (norm * (square[layer * ffnSize + unit] ?? 0)) / tokens);
    const units = sortedByEnergy(energy);
    order.push(units);
    sortedMean.push(Float32Array.from(units, (unit) => (mean[layer * ffnSize + unit] ?? 0) / tokens));
  }
  return { order, mean: sortedMean, tokens };
}

/** The largest first; equal ones keep their order. */
export function sortedByEnergy(energy: Float64Array): Int32Array {
  return Int32Array.from(energy.keys()).sort((a, b) => (energy[b] ?? 0) - (energy[a] ?? 0) || a - b);
}

/** By layer [ffnSize]: the squared norm of each column of down. */
async function downNorms(
  { config, tensors, weightsFile }: Pick<Checkpoint, 'config' | 'tensors' | 'weightsFile'>,
  signal: AbortSignal | undefined,
): Promise<Float64Array[]> {
  const handle = await openToRead(weightsFile);
  try {
    const norms: Float64Array[] = [];
    for (let layer = 0; layer < config.model.layers; layer++) {
      signal?.throwIfAborted();
      const down = storedMatrix(tensors, mlpName(layer, 'down'));
      norms.push(columnSquares(down, await readMatrix(weightsFile, handle, down)));
    }
    return norms;
  } finally {
    await handle.close();
  }
}
