import { type CheckpointConfig, type ModelConfig, SIZES } from './config';

/** A view of the model: how many hidden units each layer's feed-forward block uses. It owns no weights. */
export interface Submodel {
  readonly name: string;
  /** FFN width of each layer; 0 skips the layer. */
  readonly widths: readonly number[];
  /** The submodel that drafts for it; empty if none is cheap enough. */
  readonly draftWidths: readonly number[];
}

/** The cost of a submodel on this machine. */
export interface Cost {
  readonly prefillMsPerToken: number;
  readonly decodeMsPerToken: number;
  /** The other way to read a prompt, if there are two: on the GPU, with keys and values copied to the processor, which decodes. */
  readonly gpuPrefill?: GpuPrefill;
}

/** What it costs to read tokens on the GPU and to copy their keys and values to the processor. */
export interface GpuPrefill {
  /** For any number of tokens. */
  readonly startMs: number;
  readonly msPerToken: number;
}

/** Milliseconds to read tokens the cheaper way. */
export function prefillMs({ prefillMsPerToken, gpuPrefill }: Cost, tokens: number): number {
  const onProcessor = tokens * prefillMsPerToken;
  return gpuPrefill ? Math.min(onProcessor, gpuPrefill.startMs + tokens * gpuPrefill.msPerToken) : onProcessor;
}

/** A submodel drafts for another only if it reads at most this share of the other's bytes. */
export const MAX_DRAFT_SHARE = 0.8;

/** Parameters that a submodel uses, without the embedding, which is also the head. */
export function parameters(model: ModelConfig, widths: readonly number[]): number {
  const attention = 2 * model.hiddenSize * (model.heads + model.kvHeads) * model.headDim + 2 * model.headDim;
  const layers = widths.filter((width) => width > 0);
  return layers.reduce(
    (sum, width) => sum + attention + 2 * model.hiddenSize + 3 * model.hiddenSize * width,
    model.hiddenSize,
  );
}

/** Bytes of weights read to decode one token: matrices with their scales, norms, and the head. */
export function bytesPerToken(model: ModelConfig, widths: readonly number[]): number {
  const { hiddenSize: d, headDim, heads, kvHeads, vocabularySize, bytesPerWeight } = model;
  const qRows = heads * headDim;
  const qkvRows = qRows + 2 * kvHeads * headDim;
  const matrix = (rows: number, k: number) => rows * k * bytesPerWeight;
  const norms = 4 * (2 * d + 2 * headDim);
  return widths
    .filter((width) => width > 0)
    .reduce(
      (sum, width) => sum + matrix(qkvRows, d) + matrix(d, qRows) + matrix(2 * width, d) + matrix(d, width) + norms,
      matrix(vocabularySize, d) + 4 * d,
    );
}

/** A submodel with its cost and quality, for the governor to choose from. */
export interface Candidate {
  readonly submodel: Submodel;
  /** Bytes of weights read to decode a token. */
  readonly bytesPerToken: number;
  /** Share by which its held-out bits per byte exceed those of the full model, at least 0. */
  readonly excessBits: number;
  /**
   * Bits per byte of its full model over those of the main model, on the same text; missing if they are the same model, or were
   * not measured.
   */
  readonly relativeBits?: number;
  /** Answers on battery only if the user asks by hand, because it reads more than the main model's XL. */
  readonly isForMains?: true;
}

/** Increase of the bits per byte for each halving of the bytes read, assumed if a checkpoint was not measured. */
const UNMEASURED_LOSS = 0.015;

/**
 * The submodels worth choosing between, cheapest first: the checkpoint's measured frontier, or its sizes if it has
 * none. XL is always the last, and the only one of a model that was not trained nested. None of them skips a layer.
 */
export function candidatesOf(config: CheckpointConfig): Candidate[] {
  // A submodel that skips a layer leaves out its cache, so one that runs the layer has to prefill the prompt again.
  const measured = config.frontier.filter(({ widths }) => !widths.includes(0)).map(({ name }) => name);
  const names = new Set([...(measured.length > 0 ? measured : wholeSizes(config)), 'XL']);
  return [...names].map((name) => candidateOf(config, name)).sort((a, b) => a.bytesPerToken - b.bytesPerToken);
}

/** The sizes of a checkpoint that skip no layer, cheapest first. XL is the last. */
export function wholeSizes({ model, granularities }: CheckpointConfig): string[] {
  return Object.entries(granularities)
    .filter(([, widths]) => !widths.includes(0))
    .sort(([, a], [, b]) => bytesPerToken(model, a) - bytesPerToken(model, b))
    .map(([name]) => name);
}

/**
 * The usual sizes that a checkpoint has, smallest first; none of them skips a layer. An imported model answers with these alone,
 * because people read their names after the model's.
 */
export function usualSizes({ granularities }: CheckpointConfig): string[] {
  return SIZES.filter((name) => Object.hasOwn(granularities, name) && !granularities[name]?.includes(0));
}

/** The name of an imported model's submodel among those of all models in use: that of its XL is the model's own. */
export function nameInUse(model: string, submodel: string): string {
  return submodel === 'XL' ? model : `${model} ${submodel}`;
}

/** A submodel by its name, with its cost and quality. @throws as submodelOf does */
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
 * @throws {Error} naming the submodels that exist, if there is none of that name
 */
export function submodelOf(config: CheckpointConfig, name: string): Submodel {
  const { model, granularities, frontier } = config;
  const widths = Object.hasOwn(granularities, name)
    ? granularities[name]
    : frontier.find((row) => row.name === name)?.widths;
  if (!widths) throw new Error(`the checkpoint has no submodel ${name}; it has ${submodelNames(config).join(', ')}`);
  const bytes = bytesPerToken(model, widths);
  const draft = granularities.XS ?? [];
  const isWithin = draft.every((width, layer) => width <= (widths[layer] ?? 0));
  // Drafting must cost less than it saves.
  const isCheap = bytesPerToken(model, draft) <= MAX_DRAFT_SHARE * bytes;
  return { name, widths, draftWidths: isWithin && isCheap ? draft : [] };
}

/** The names of a checkpoint's submodels, each once. */
export function submodelNames({ granularities, frontier }: CheckpointConfig): string[] {
  return [...new Set([...Object.keys(granularities), ...frontier.map((row) => row.name)])];
}
