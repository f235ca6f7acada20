/**
 * Widths of each layer for the sizes of a sorted model, found and measured on sample text.
 *
 * The loss of a mix of widths is very nearly the sum of the losses with each layer narrowed alone. A few thousand tokens, which is
 * all that there is time for, cannot tell these apart: gains and losses of single tokens drown them. So two things are measured
 * that so little text does tell: how far the predictions move if a layer alone is narrowed, which says how much a layer matters
 * next to the others, and the loss with the same width in every layer, which says how losses grow as widths shrink.
 */
import type { Checkpoint } from '../../matlm/checkpoint';
import { type ModelConfig, WIDTH_STEP } from '../../matlm/shape';
import type { SampleFile } from '../heldOut';
import { allocations, lossCurve, sensitivities, stepsFor } from './allocation';
import { agreements, compare, scoresOf, type Window, windowsOf } from './scoredText';
import { frontierOf, LIMITS, type MeasuredWidths, sizesOf } from './sizes';
import { TimeBox } from './timeBox';
import type { ElasticEngine, ElasticOptions, FoundWidths, SampleParts } from './types';

const BUDGET_MS = 180_000;
/** Of the time, when each step ends. */
const UNTIL = { layers: 0.35, flat: 0.5, mixed: 0.65, heldOut: 0.95, agreement: 1 };

/** Tokens of a window of the search. Prompts of the editor are longer, but more windows are from more places. */
const WINDOW = 256;
const HELD_OUT_WINDOW = 512;
/** Sizes are named by their losses, which less text does not tell. So these tokens are measured even if the time is over. */
const LEAST_HELD_OUT_TOKENS = 2000;

/** Shares of its units with which a layer alone is measured: the first of these that there is time for. */
const ALONE = [[1 / 4, 1 / 2], [1 / 2]];
/** Tokens that each layer is measured on, at least. */
const LEAST_TOKENS = 512;
/** Neighbouring layers that are measured together if there is little time, at most. */
const MOST_TOGETHER = 6;

/** Shares of the units of every layer with which the loss is measured. */
const FLAT = [0.95, 0.9, 0.85, 0.75, 0.6, 0.4, 0.2];
/** Of these, those at which mixes are compared with the same width in every layer. */
const MIXED = [0.85, 0.75, 0.6];
/** Powers of the layers' sensitivities that mixes are made with. A smaller one trusts them less; 0 would be the same widths. */
const POWERS = [0.5, 1];

/** Losses of the submodels of the frontier, as they are expected: at the limits of the sizes, a bit below, and between. */
const TARGETS = [0.005, 0.01, 0.015, LIMITS.L, 0.027, 0.035, 0.042, LIMITS.M, 0.065, 0.085, 0.1, LIMITS.S];

/** Units of each layer, in steps. */
type Steps = readonly number[];

/** If there is no text. */
const NOTHING: FoundWidths = { sizes: {}, frontier: [], searchedTokens: 0, heldOutTokens: 0, heldOutBytes: 0 };

/** Submodels of a sorted model, for any number of units. */
export interface FittedWidths {
  /** Widths of each layer with a mean of `steps` steps for each layer. */
  widthsOf(steps: number): readonly number[];
  /** The loss that is expected with so many, [steps of the full width + 1]. */
  readonly curve: Float64Array;
  /** Whether the widths differ by layer. */
  readonly isMixed: boolean;
  readonly tokens: number;
}

/**
 * Finds widths of each layer for the sizes of a sorted model, and measures them on held-out text. If no mix of widths is better
 * than the same width in every layer, on text that it was not fitted on, all sizes have the same width in every layer. Given
 * enough time, the same text gives the same widths.
 * @param checkpoint of the sorted weights
 * @throws the signal's reason if it is aborted
 */
export async function searchWidths(
  engine: ElasticEngine,
  checkpoint: Checkpoint,
  { search, heldOut }: Pick<SampleParts, 'search' | 'heldOut'>,
  { budgetMs = BUDGET_MS, ...options }: ElasticOptions = {},
): Promise<FoundWidths> {
  const box = new TimeBox(budgetMs, options);
  const { model } = checkpoint.config;
  const xl = fullWidths(model);
  const windows = windowsOf(checkpoint, heldOut, HELD_OUT_WINDOW);
  const fitted = windows.length > 0 && (await fitWidths(engine, checkpoint, search, box));
  if (!fitted) return NOTHING;
  const shapes = stepsFor(TARGETS, fitted.curve).map((steps) => fitted.widthsOf(steps));
  const measured = await compare(engine, windows, xl, shapes, box, UNTIL.heldOut, LEAST_HELD_OUT_TOKENS);
  const agreed = await agreements(engine, model.vocabularySize, windows, xl, shapes, box, UNTIL.agreement);
  const rows: MeasuredWidths[] = shapes.map((widths, i) => ({
    widths,
    loss: measured.losses[i] ?? 0,
    agreement: agreed[i] ?? 0,
  }));
  const sizes = sizesOf(model, rows);
  const bitsPerByte = measured.fullNats / Math.LN2 / measured.bytes;
  box.done();
  return {
    sizes,
    frontier: frontierOf(model, sizes, [...rows, { widths: xl, loss: 0, agreement: 1 }], bitsPerByte),
    searchedTokens: fitted.tokens,
    heldOutTokens: measured.tokens,
    heldOutBytes: measured.bytes,
  };
}

/** The search alone. Undefined if there is no text. */
export async function fitWidths(
  engine: ElasticEngine,
  checkpoint: Checkpoint,
  search: readonly SampleFile[],
  box: TimeBox,
): Promise<FittedWidths | undefined> {
  const { layers, ffnSize } = checkpoint.config.model;
  const full = ffnSize / WIDTH_STEP;
  const flatOf = (steps: number): Steps => Array<number>(layers).fill(steps);
  const widthsOf = (steps: Steps) => steps.map((own) => own * WIDTH_STEP);
  const xl = widthsOf(flatOf(full));
  const measure = (windows: readonly Window[], shapes: readonly Steps[], until: number) =>
    compare(engine, windows, xl, shapes.map(widthsOf), box, until);
  const [forLayers, forMixes] = inTwo(checkpoint, search);
  if (forLayers.length === 0) return undefined;

  // How much a layer matters.
  const plan = planOf(layers, await measurements(engine, forLayers, xl, box)) ?? { groups: [], shares: [] };
  const alone = stepsOf(plan.shares, full);
  const narrowed = alone.flatMap((own) =>
    plan.groups.map((group) => flatOf(full).map((whole, layer) => (group.includes(layer) ? own : whole))),
  );
  const moved = await measure(narrowed.length > 0 ? forLayers : [], narrowed, UNTIL.layers);
  const changes = alone.map((_, i) =>
    plan.groups.map(({ length }, g) => (moved.divergences[i * plan.groups.length + g] ?? 0) / length),
  );
  const byGroup = sensitivities(changes);

  // How losses grow as widths shrink.
  const means = stepsOf(FLAT, full);
  const flat = await measure(forMixes, means.map(flatOf), UNTIL.flat);
  const divergences = flat.divergences.map((nats) => nats / flat.fullNats);
  const losses = lossesBy(divergences, flat.losses, means.filter((steps) => steps < full / 2).length);
  const curve = lossCurve(
    means.map((steps, i) => ({ steps, loss: losses[i] ?? 0 })),
    full,
  );

  // How far to trust the sensitivities.
  const mixesOf = (power: number): ((mean: number) => Steps) => {
    const weighted = (group: readonly number[], g: number) =>
      group.map(() => curve.map((loss) => loss * (byGroup[g] ?? 0) ** power));
    const share = allocations(plan.groups.flatMap(weighted));
    return (mean) => share(mean * layers) ?? flatOf(mean);
  };
  const compared = stepsOf(MIXED, full);
  const kinds = [flatOf, ...(byGroup.length > 0 ? POWERS.map(mixesOf) : [])];
  const shapes = kinds.flatMap((kind) => compared.map(kind));
  const mixed = await measure(forMixes, shapes, UNTIL.mixed);
  const totals = kinds.map((_, i) => total(mixed.losses.slice(i * compared.length, (i + 1) * compared.length)));
  const best = totals.indexOf(Math.min(...totals));
  const gain = (totals[best] ?? 0) > 0 ? (totals[best] ?? 0) / (totals[0] ?? 0) : 1;
  return {
    widthsOf: (steps) => widthsOf((kinds[best] ?? flatOf)(steps)),
    curve: curve.map((loss) => loss * gain),
    isMixed: best > 0,
    tokens: moved.tokens + Math.max(flat.tokens, mixed.tokens),
  };
}

/** The widths of the full model. */
export function fullWidths({ layers, ffnSize }: Pick<ModelConfig, 'layers' | 'ffnSize'>): readonly number[] {
  return Array<number>(layers).fill(ffnSize);
}

/** Windows of two parts of the files that share none, or twice those of all if one part would be empty. */
function inTwo(
  checkpoint: Checkpoint,
  files: readonly SampleFile[],
): readonly [readonly Window[], readonly Window[]] {
  const parts: [SampleFile[], SampleFile[]] = [[], []];
  const filled = [0, 0];
  for (const file of files) {
    const to = (filled[0] ?? 0) <= (filled[1] ?? 0) ? 0 : 1;
    parts[to].push(file);
    filled[to] = (filled[to] ?? 0) + file.text.length;
  }
  const [first, second] = [windowsOf(checkpoint, parts[0], WINDOW), windowsOf(checkpoint, parts[1], WINDOW)];
  if (first.length > 0 && second.length > 0) return [first, second];
  return [first.length > 0 ? first : second, first.length > 0 ? first : second];
}

/** Numbers of steps nearest to shares of the full width: each once, narrowest first, without the full one. */
function stepsOf(shares: readonly number[], full: number): number[] {
  const steps = shares.map((share) => Math.max(1, Math.round(share * full)));
  return [...new Set(steps)].filter((own) => own < full).sort((a, b) => a - b);
}

/** How many measurements of `LEAST_TOKENS` there is time for in the first step. */
async function measurements(
  engine: ElasticEngine,
  [window]: readonly Window[],
  xl: readonly number[],
  box: TimeBox,
): Promise<number> {
  if (!window) return 0;
  await scoresOf(engine, window, xl, box.signal); // the first one reads the weights from the disk
  const startMs = box.now();
  await scoresOf(engine, window, xl, box.signal);
  const msPerToken = (box.now() - startMs) / window.tokens.length;
  return (UNTIL.layers * box.budgetMs) / (msPerToken * LEAST_TOKENS);
}

interface Plan {
  /** Neighbouring layers that are narrowed together. */
  readonly groups: readonly (readonly number[])[];
  readonly shares: readonly number[];
}

/** The most detailed plan with so many measurements at most; undefined if there is time for none. */
export function planOf(layers: number, most: number): Plan | undefined {
  for (let together = 1; together <= MOST_TOGETHER && together < layers; together++) {
    const count = Math.ceil(layers / together);
    const shares = ALONE.find(({ length }) => count * length <= most);
    if (!shares) continue;
    const at = (group: number) => Math.round((group * layers) / count);
    const groups = Array.from({ length: count }, (_, group) =>
      Array.from({ length: at(group + 1) - at(group) }, (_, i) => at(group) + i),
    );
    return { groups, shares };
  }
  return undefined;
}

/**
 * Losses, narrowest first, without the noise of little text: divergences, which have nearly none, times the ratio of losses to them.
 * Of wide submodels it is the same ratio, from the text of all; very narrow ones lose more for their divergence.
 * @param narrow how many are very narrow
 */
export function lossesBy(divergences: readonly number[], losses: readonly number[], narrow: number): number[] {
  const ratio = Math.max(0, total(losses.slice(narrow)) / total(divergences.slice(narrow)));
  return divergences.map((value, i) => (i < narrow ? Math.max(ratio * value, (losses[i] ?? 0)) : ratio * value));
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
