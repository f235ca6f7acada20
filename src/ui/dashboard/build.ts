import { t } from '@vscode/l10n';
import type { CheckpointConfig } from '../../matlm/config';
import { localised, type Phrase } from '../../localisation/phrase';
import { bytesPerToken, nameInUse, submodelNames } from '../../matlm/submodel';
import type { LibraryModel } from '../../models/library';
import { typicalMsOf } from '../../models/measured';
import { moreBitsOf } from '../../models/modelSizes';
import { allSizes, type UsageCounts } from '../../statistics/counts';
import { percentile } from '../../statistics/latencies';
import type { RecentAnswer } from '../recent';
import { isGoodEnough } from '../../governor/costs';
import { canFindSizes, relativeBits } from '../models/shelf';
import { labelOf, sizesOf } from '../sizes';
import type { BySize, DashboardState, ImportedModel, ImportedSize, Period } from './state';

/** The data behind the dashboard. */
export interface Sources {
  readonly engine: DashboardState['engine'];
  /** Undefined if no checkpoint is open. */
  readonly config: CheckpointConfig | undefined;
  /** The current submodel. */
  readonly choice: { readonly submodel: string; readonly by: string; readonly reason: string } | undefined;
  /** Milliseconds of a typical completion now. */
  readonly predictMs: (submodel: string) => number | undefined;
  readonly answers: readonly RecentAnswer[];
  readonly nowMs: number;
  readonly today: UsageCounts;
  readonly total: UsageCounts;
  readonly machine: DashboardState['machine'];
  readonly models: readonly LibraryModel[];
  /** The id of the imported model that is in use; undefined for none. */
  readonly modelInUse: string | undefined;
  /** The state of the imported model as a sentence, mostly without its full stop; undefined if none is chosen. */
  readonly importedState: string | undefined;
  /** The main model is the one that ships, which imported models are compared with. */
  readonly isMainShipped: boolean;
  /** Why no smaller sizes of an imported model were found, by its id. */
  readonly sizeFaults: ReadonlyMap<string, Phrase>;
}

export function dashboardState(sources: Sources): DashboardState {
  const { engine, config, choice, predictMs, answers, nowMs, today, total, machine } = sources;
  const periods = [period(t('Today'), today), period(t('Thirty days'), total)];
  const models = sources.models.map((model) => importedModel(model, sources));
  const always = { engine, machine, periods, models, bySize: bySize(total, config) };
  if (!config) return { ...always, choice: undefined, frontier: [], recent: [], sizes: [] };
  return {
    ...always,
    choice: choice && {
      name: choice.submodel,
      shortName: labelOf(config, choice.submodel).shortName,
      by: choice.by,
      reason: choice.reason,
    },
    frontier: config.frontier.map(({ name, widths, bitsPerByte, agreementWithXL }) => ({
      name,
      shortName: labelOf(config, name).shortName,
      isSize: Object.hasOwn(config.granularities, name),
      bytesPerToken: bytesPerToken(config.model, widths),
      bitsPerByte,
      agreementWithXL,
      predictedMs: predictMs(name),
    })),
    sizes: [...sizesOf(config).map(({ name }) => name), ...othersOf(answers, sources, config).slice(-1)],
    recent: answers.map(({ timeMs, submodel, latencyMs }) => ({
      agoMs: nowMs - timeMs,
      latencyMs,
      ...labelOf(config, submodel),
    })),
  };
}

/** The names of imported models that have answered, with whichever size. They share one row of the plot. */
function othersOf(answers: readonly RecentAnswer[], { models }: Sources, config: CheckpointConfig): string[] {
  const names = submodelNames(config);
  const modelOf = (submodel: string) =>
    models.find(({ name, sizes }) => sizes.some((size) => nameInUse(name, size.name) === submodel))?.name ?? submodel;
  const others = answers.map(({ submodel }) => submodel).filter((name) => !names.includes(name));
  return [...new Set(others.map(modelOf))];
}

function importedModel(model: LibraryModel, sources: Sources): ImportedModel {
  const { id, name, family, parameters, bits, licence, diskBytes, broken, isPrefixOnly, page, measured, elasticity } =
    model;
  const fault = sources.sizeFaults.get(id);
  const relative = sources.isMainShipped ? relativeBits(model) : undefined;
  const isInUse = id === sources.modelInUse;
  return {
    ...{ id, name, family, parameters, bits, licence, diskBytes, broken, isPrefixOnly },
    isInUse,
    state: isInUse ? sources.importedState : undefined,
    isForAuto: relative === undefined || isGoodEnough({ excessBits: 0, relativeBits: relative }),
    hasPage: page !== undefined,
    typicalMs: measured.typicalMs,
    bitsPerByte: measured.bitsPerByte,
    sizes: sizesOfImported(model, isInUse ? sources.predictMs : () => undefined),
    elasticity,
    canFindSizes: canFindSizes(model),
    sizesFault: fault && localised(fault),
  };
}

function sizesOfImported({ name, sizes, measured }: LibraryModel, predictMs: Sources['predictMs']): ImportedSize[] {
  return sizes.map((size) => {
    const inUse = nameInUse(name, size.name);
    const typicalMs = predictMs(inUse) ?? typicalMsOf(measured, size.name);
    return { ...size, name: inUse, moreBits: moreBitsOf(size, sizes), typicalMs };
  });
}

function period(title: string, counts: UsageCounts): Period {
  const { shown, accepted, latencies } = allSizes(counts);
  return {
    title,
    savedKeys: counts.savedKeys,
    shown,
    accepted,
    p50Ms: percentile(latencies, 0.5),
    p95Ms: percentile(latencies, 0.95),
    autoBytes: counts.autoBytes,
    autoBytesByXL: counts.autoBytesByXL,
  };
}

/** The checkpoint's sizes in their order, then the sizes of other checkpoints. */
function bySize({ sizes }: UsageCounts, config: CheckpointConfig | undefined): BySize[] {
  const order = config ? shortNames(config) : [];
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  return Object.entries(sizes)
    .sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b))
    .map(([shortName, { requests, shown, accepted, latencies }]) => ({
      shortName,
      requests,
      shown,
      accepted,
      p50Ms: percentile(latencies, 0.5),
      p95Ms: percentile(latencies, 0.95),
    }));
}

/** All short names of the checkpoint's submodels, smallest first. */
export function shortNames(config: CheckpointConfig): string[] {
  const sizes = sizesOf(config).map(({ name }) => name);
  return [...sizes.slice(0, 1).map((name) => `${name}-`), ...sizes.flatMap((name) => [name, `${name}+`])];
}
