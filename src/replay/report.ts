import { bootstrap, type Interval } from './bootstrap';
import type { ReplayRun } from './replay';
import type { Switch } from './workspace';

/** The keys of one file. */
export interface FileKeys {
  readonly byHand: number;
  readonly saved: number;
}

/** One row of the report: a policy in a scenario, over all files. */
export interface Summary {
  readonly scenario: string;
  readonly policy: string;
  /** Whether the memory of the workspace was used; undefined if no file has a workspace. */
  readonly memory?: Switch | undefined;
  readonly files: readonly FileKeys[];
  readonly keysByHand: number;
  readonly keysSaved: number;
  /** 95 % interval of a bootstrap over the files. */
  readonly keysSavedInterval: Interval;
  /** As a share of `keysByHand`, 0 to 1. */
  readonly savedShare: number;
  readonly shown: number;
  readonly accepted: number;
  /** From the last key to the text; undefined if no text appeared. */
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly pauses: number;
  /** Share of the pauses with text at the cursor, 0 to 1. */
  readonly pausesWithTextShare: number;
  /** From the last key before a pause to the first new text in it. */
  readonly pauseP50Ms: number | undefined;
  readonly pauseP95Ms: number | undefined;
  readonly decodes: number;
  readonly decodedTokens: number;
  /** Decoded tokens that were never shown. */
  readonly wastedTokens: number;
  readonly prefilledTokens: number;
  /** Virtual time of the engine's work. */
  readonly engineSeconds: number;
  /** Share of the time from the first key to the last in which the engine worked. */
  readonly engineShare: number;
  /** The largest share of a duty cycle's window. */
  readonly mostEngineShare: number;
  /** All threads of the process. */
  readonly cpuSeconds: number;
  readonly gigabytesRead: number;
  /** Energy of the processor's packages, or of the machine on its battery. */
  readonly joules: number | 'unknown';
  readonly savedPerEngineSecond: number;
  readonly decodesBySubmodel: Readonly<Record<string, number>>;
  /** Accepted characters by the submodel that wrote them. */
  readonly acceptedBySubmodel: Readonly<Record<string, number>>;
  readonly outcomes: Readonly<Record<string, number>>;
}

/** @param joules undefined if no sensor measures them */
export function summarise(run: ReplayRun, joules?: number): Summary {
  const { policy, memory, scenario, use, elapsedMs, cpuMs, decodesBySubmodel } = run;
  const files = run.files.map(({ keysByHand, keys }) => ({ byHand: keysByHand, saved: keysByHand - keys }));
  const sum = (of: (file: ReplayRun['files'][number]) => number) =>
    run.files.reduce((total, file) => total + of(file), 0);
  const keysByHand = sum((file) => file.keysByHand);
  const keysSaved = savedOf(files);
  const latencies = run.files.flatMap(({ latenciesMs }) => latenciesMs);
  const inPauses = run.files.flatMap(({ pauseLatenciesMs }) => pauseLatenciesMs);
  const pauses = sum((file) => file.pauses);
  const outcomes = totals(run.files.map((file) => file.outcomes));
  return {
    scenario,
    policy,
    memory,
    files,
    keysByHand,
    keysSaved,
    keysSavedInterval: bootstrap(files, savedOf),
    savedShare: keysSaved / keysByHand,
    shown: sum((file) => file.shown),
    accepted: sum((file) => file.accepted),
    p50Ms: percentile(latencies, 0.5),
    p95Ms: percentile(latencies, 0.95),
    pauses,
    pausesWithTextShare: sum((file) => file.pausesWithText) / pauses,
    pauseP50Ms: percentile(inPauses, 0.5),
    pauseP95Ms: percentile(inPauses, 0.95),
    decodes: use.decodes,
    decodedTokens: use.decodedTokens,
    wastedTokens: use.decodedTokens - sum((file) => file.shownTokens),
    prefilledTokens: use.prefilledTokens,
    engineSeconds: use.engineMs / 1000,
    engineShare: use.engineMs / elapsedMs,
    mostEngineShare: use.mostShare,
    cpuSeconds: cpuMs / 1000,
    gigabytesRead: use.bytesRead / 1e9,
    joules: joules ?? 'unknown',
    savedPerEngineSecond: keysSaved / (use.engineMs / 1000),
    decodesBySubmodel,
    acceptedBySubmodel: totals(run.files.map((file) => file.acceptedBySubmodel)),
    outcomes,
  };
}

/** The sums of counts by name. */
function totals(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const one of counts) for (const [name, count] of Object.entries(one)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

/** A comparison of two rows over the same files. */
export interface Comparison {
  readonly name: string;
  readonly value: number;
  readonly interval: Interval;
  /** Whether the difference is significant: the interval excludes equality. */
  readonly isSignificant: boolean;
}

/**
 * Compares auto with each fixed size in a scenario by the difference of saved keys, each scenario with the quiet machine by the
 * share of saved keys, and the memory with none by their ratio. Files are resampled in pairs.
 */
export function comparisons(rows: readonly Summary[]): Comparison[] {
  const row = (scenario: string, policy: string, memory: Summary['memory']) =>
    rows.find((one) => one.scenario === scenario && one.policy === policy && one.memory === memory);
  const nameOf = (memory: Summary['memory']) => (memory === undefined ? '' : `, memory ${memory}`);
  const found: Comparison[] = [];
  for (const auto of rows.filter(({ policy }) => policy === 'auto')) {
    for (const other of rows.filter(
      ({ scenario, policy, memory }) => scenario === auto.scenario && policy !== 'auto' && memory === auto.memory,
    )) {
      const interval = bootstrap(
        pairs(auto, other),
        (files) => savedOf(files.map(({ a }) => a)) - savedOf(files.map(({ b }) => b)),
      );
      found.push({
        name: `${auto.scenario}${nameOf(auto.memory)}: keys of auto less those of ${other.policy}`,
        value: auto.keysSaved - other.keysSaved,
        interval,
        isSignificant: interval.low > 0 || interval.high < 0,
      });
    }
  }
  const ratio = (name: string, one: Summary, other: Summary) => {
    const interval = bootstrap(
      pairs(one, other),
      (files) => savedOf(files.map(({ a }) => a)) / savedOf(files.map(({ b }) => b)),
    );
    found.push({
      name,
      value: one.keysSaved / other.keysSaved,
      interval,
      isSignificant: interval.low > 1 || interval.high < 1,
    });
  };
  for (const other of rows.filter(({ scenario }) => scenario !== 'quiet')) {
    const quiet = row('quiet', other.policy, other.memory);
    // A typist with another speed or with mistakes has other keys to save.
    if (quiet?.keysByHand !== other.keysByHand) continue;
    ratio(
      `${other.policy}${nameOf(other.memory)}: keys in ${other.scenario} as a share of those in quiet`,
      other,
      quiet,
    );
  }
  for (const on of rows.filter(({ memory }) => memory === 'on')) {
    const off = row(on.scenario, on.policy, 'off');
    if (off) ratio(`${on.scenario}, ${on.policy}: keys with the memory as a share of those without`, on, off);
  }
  return found;
}

interface Paired {
  readonly a: FileKeys;
  readonly b: FileKeys;
}

function pairs(a: Summary, b: Summary): Paired[] {
  return a.files.flatMap((file, i) => {
    const other = b.files[i];
    return other ? [{ a: file, b: other }] : [];
  });
}

function savedOf(files: readonly FileKeys[]): number {
  return files.reduce((sum, { saved }) => sum + saved, 0);
}

/** The least value that is not exceeded by a share of the values. */
function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
