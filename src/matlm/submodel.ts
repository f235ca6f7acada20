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

/** A submodel drafts for another only where it reads at most this share of the other's bytes. */
const MAX_DRAFT_SHARE = 0.8;

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

/** A submodel and what is known of it: what the governor chooses between. */
export interface Candidate {
  readonly submodel: Submodel;
  /** Bytes of weights read to decode a token. */
  readonly bytesPerToken: number;
  /** Share by which its held-out bits per byte exceed those of the full model; 0 where they do not. */
  readonly excessBits: number;
}

/** What each halving of the bytes read is taken to add to the bits per byte, where a checkpoint was not measured. */
const UNMEASURED_LOSS = 0.015;

/**
 * The submodels worth choosing between, cheapest first: the checkpoint's measured frontier, or its sizes where it has
 * none. XL is always the last. None of them skips a layer.
 */
export function candidatesOf(config: CheckpointConfig): Candidate[] {
  // What skips a layer leaves a cache behind that whatever runs the layer has to read again.
  const measured = config.frontier.filter(({ widths }) => !widths.includes(0)).map(({ name }) => name);
  const names = new Set([...(measured.length > 0 ? measured : SIZES), 'XL']);
  return [...names].map((name) => candidateOf(config, name)).sort((a, b) => a.bytesPerToken - b.bytesPerToken);
}

/** A submodel by its name, with what is known of it. @throws as submodelOf does */
export function candidateOf(config: CheckpointConfig, name: string): Candidate {
  const submodel = submodelOf(config, name);
  const bytes = bytesPerToken(config.model, submodel.widths);
  const full = bytesPerToken(config.model, submodelOf(config, 'XL').widths);
  const bitsOf = (of: string) => config.frontier.find((row) => row.name === of)?.bitsPerByte;
  const [own, best] = [bitsOf(name), bitsOf('XL')];
  const excess = own !== undefined && best !== undefined ? own / best - 1 : UNMEASURED_LOSS * Math.log2(full / bytes);
  return { submodel, bytesPerToken: bytes, excessBits: Math.max(0, excess) };
}

/**
 * A submodel of a checkpoint by its name: a granularity, or a row of the frontier.
 * @throws {Error} naming what there is, where there is none of that name
 */
export function submodelOf(config: CheckpointConfig, name: string): Submodel {
  const { model, granularities, frontier, copyWeights } = config;
  const widths = granularities[name] ?? frontier.find((row) => row.name === name)?.widths;
  if (!widths) {
    const names = [...new Set([...Object.keys(granularities), ...frontier.map((row) => row.name)])];
    throw new Error(`the checkpoint has no submodel ${name}; it has ${names.join(', ')}`);
  }
  const bytes = bytesPerToken(model, widths);
  const draft = granularities.XS ?? [];
  const isWithin = draft.every((width, layer) => width <= (widths[layer] ?? 0));
  // A draft that costs most of what it saves is none.
  const isCheap = bytesPerToken(model, draft) <= MAX_DRAFT_SHARE * bytes;
  // Fitted for granularities alone: a submodel between them goes by the nearest.
  const fittedAs = name in granularities ? name : nearest(config, bytes);
  return {
    name,
    widths,
    copyWeights: copyWeights[fittedAs] ?? [],
    draftWidths: isWithin && isCheap ? draft : [],
  };
}

/** The granularity that reads most nearly so many bytes a token. */
function nearest({ model, granularities }: CheckpointConfig, bytes: number): string {
  const distance = (name: string) => Math.abs(bytesPerToken(model, granularities[name] ?? []) - bytes);
  return Object.keys(granularities).reduce((best, name) => (distance(name) < distance(best) ? name : best));
}
