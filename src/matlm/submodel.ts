import type { CheckpointConfig, ModelConfig } from './config';

/** A view of the model: how many hidden units each layer's feed-forward block uses. It owns no weights. */
export interface Submodel {
  readonly name: string;
  /** FFN width of each layer; 0 skips the layer. */
  readonly widths: readonly number[];
  /** How much copying from the context weighs beside it, by the length of the match from 1; empty where not at all. */
  readonly copyWeights: readonly number[];
  /** The submodel that drafts for it; empty where none is smaller. */
  readonly draftWidths: readonly number[];
}

/** What a submodel costs on this machine. */
export interface Cost {
  readonly prefillMsPerToken: number;
  readonly decodeMsPerToken: number;
}

/** The sizes a user chooses between, smallest first. */
export const SIZES = ['S', 'M', 'L', 'XL'] as const;
export type Size = (typeof SIZES)[number];

export function isSize(name: string): name is Size {
  return (SIZES as readonly string[]).includes(name);
}

/** Parameters a submodel uses, the embedding (which is the head too) not counted. */
export function parameters(model: ModelConfig, widths: readonly number[]): number {
  const attention = 2 * model.hiddenSize * (model.heads + model.kvHeads) * model.headDim + 2 * model.headDim;
  const layers = widths.filter((width) => width > 0);
  return layers.reduce(
    (sum, width) => sum + attention + 2 * model.hiddenSize + 3 * model.hiddenSize * width,
    model.hiddenSize,
  );
}

/** Bytes of weights read to decode one token: int8 matrices with their float32 row scales, norms, and the head. */
export function bytesPerToken(model: ModelConfig, widths: readonly number[]): number {
  const { hiddenSize: d, headDim, heads, kvHeads, vocabularySize } = model;
  const qRows = heads * headDim;
  const qkvRows = qRows + 2 * kvHeads * headDim;
  const matrix = (rows: number, k: number) => rows * k + 4 * rows;
  const norms = 4 * (2 * d + 2 * headDim);
  return widths
    .filter((width) => width > 0)
    .reduce(
      (sum, width) => sum + matrix(qkvRows, d) + matrix(d, qRows) + matrix(2 * width, d) + matrix(d, width) + norms,
      matrix(vocabularySize, d) + 4 * d,
    );
}

/** The named size of a checkpoint. */
export function submodelOf(config: CheckpointConfig, size: Size): Submodel {
  const widths = config.granularities[size];
  if (!widths) throw new Error(`the checkpoint has no granularity ${size}`);
  const draft = config.granularities.XS ?? [];
  const isWithin = draft.every((width, layer) => width <= (widths[layer] ?? 0));
  return {
    name: size,
    widths,
    copyWeights: config.copyWeights[size] ?? [],
    draftWidths: isWithin ? draft : [],
  };
}
