import type { CheckpointConfig } from '../../matlm/config';
import { bytesPerToken } from '../../matlm/submodel';
import { percentile } from '../../statistics/latencies';
import { allSizes, type Tally } from '../../statistics/tally';
import type { Answer } from '../recent';
import { sizesOf, standingOf } from '../sizes';
import type { BySize, DashboardState, Period } from './state';

/** What the dashboard is made from. */
export interface Sources {
  readonly engine: DashboardState['engine'];
  /** Undefined where no checkpoint could be opened. */
  readonly config: CheckpointConfig | undefined;
  /** The submodel that completes now. */
  readonly choice: { readonly submodel: string; readonly by: string; readonly reason: string } | undefined;
  /** Of a typical completion now. */
  readonly predictMs: (submodel: string) => number | undefined;
  readonly answers: readonly Answer[];
  readonly nowMs: number;
  readonly today: Tally;
  readonly total: Tally;
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
      shortName: standingOf(config, choice.submodel).shortName,
      by: choice.by,
      reason: choice.reason,
    },
    frontier: config.frontier.map(({ name, widths, bitsPerByte, agreementWithXL }) => ({
      name,
      shortName: standingOf(config, name).shortName,
      isSize: name in config.granularities,
      bytesPerToken: bytesPerToken(config.model, widths),
      bitsPerByte,
      agreementWithXL,
      predictedMs: predictMs(name),
    })),
    sizes: sizesOf(config).map(({ name }) => name),
    recent: answers.map(({ timeMs, submodel, latencyMs }) => ({
      agoMs: nowMs - timeMs,
      latencyMs,
      ...standingOf(config, submodel),
    })),
  };
}

function period(title: string, tally: Tally): Period {
  const { shown, accepted, latencies } = allSizes(tally);
  return {
    title,
    savedKeys: tally.savedKeys,
    shown,
    accepted,
    p50Ms: percentile(latencies, 0.5),
    p95Ms: percentile(latencies, 0.95),
    autoBytes: tally.autoBytes,
    autoBytesByXL: tally.autoBytesByXL,
  };
}

/** The checkpoint's sizes in their order; then what another checkpoint had. */
function bySize({ sizes }: Tally, config: CheckpointConfig | undefined): BySize[] {
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

/** All that a submodel of the checkpoint may be called in short, smallest first. */
export function shortNames(config: CheckpointConfig): string[] {
  const sizes = sizesOf(config).map(({ name }) => name);
  return [...sizes.slice(0, 1).map((name) => `${name}-`), ...sizes.flatMap((name) => [name, `${name}+`])];
}
