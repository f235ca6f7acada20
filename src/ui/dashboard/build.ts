import type { CheckpointConfig } from '../../matlm/config';
import { bytesPerToken } from '../../matlm/submodel';
import { allSizes, type UsageCounts } from '../../statistics/counts';
import { percentile } from '../../statistics/latencies';
import type { RecentAnswer } from '../recent';
import { labelOf, sizesOf } from '../sizes';
import type { BySize, DashboardState, Period } from './state';

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
}

export function dashboardState(sources: Sources): DashboardState {
  const { engine, config, choice, predictMs, answers, nowMs, today, total, machine } = sources;
  const periods = [period('Today', today), period('Thirty days', total)];
  const always = { engine, machine, periods, bySize: bySize(total, config) };
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
    sizes: sizesOf(config).map(({ name }) => name),
    recent: answers.map(({ timeMs, submodel, latencyMs }) => ({
      agoMs: nowMs - timeMs,
      latencyMs,
      ...labelOf(config, submodel),
    })),
  };
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
