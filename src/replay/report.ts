import { bootstrap, type Interval } from './bootstrap';
import type { Run } from './replay';

/** What was saved of one file. */
export interface FileKeys {
  readonly byHand: number;
  readonly saved: number;
}

/** One row of the report: a policy in a scenario, all files together. */
export interface Summary {
  readonly scenario: string;
  readonly policy: string;
  readonly files: readonly FileKeys[];
  readonly keysByHand: number;
  readonly keysSaved: number;
  /** 95 % of a bootstrap over the files. */
  readonly keysSavedInterval: Interval;
  /** Of the keys that it takes by hand, 0 to 1. */
  readonly savedShare: number;
  readonly shown: number;
  readonly accepted: number;
  /** From the last key to the text, undefined if none appeared. */
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly pauses: number;
  /** Of the pauses those in which text stood at the cursor, 0 to 1. */
  readonly pausesWithTextShare: number;
  /** From the last key before a pause to the first text that newly appeared in it. */
  readonly pauseP50Ms: number | undefined;
  readonly pauseP95Ms: number | undefined;
  readonly decodes: number;
  readonly decodedTokens: number;
  /** Tokens decoded that never stood on the screen. */
  readonly wastedTokens: number;
  readonly prefilledTokens: number;
  /** In which the engine worked, as slow as the scenario makes it. */
  readonly engineSeconds: number;
  /** Of the time from the first key to the last, the share in which the engine worked. */
  readonly engineShare: number;
  /** The largest share of a duty cycle's window. */
  readonly mostEngineShare: number;
  /** Of the whole process, all threads. */
  readonly cpuSeconds: number;
  readonly gigabytesRead: number;
  /** Taken meanwhile, by whatever the sensors count: the processor's packages, or the machine on its battery. */
  readonly joules: number | 'unknown';
  readonly savedPerEngineSecond: number;
  readonly decodesBySubmodel: Readonly<Record<string, number>>;
  readonly outcomes: Readonly<Record<string, number>>;
}

/** @param joules undefined if no sensor tells */
export function summarise(run: Run, joules?: number): Summary {
  const { policy, scenario, use, elapsedMs, cpuMs, decodesBySubmodel } = run;
  const files = run.files.map(({ keysByHand, keys }) => ({ byHand: keysByHand, saved: keysByHand - keys }));
  const sum = (of: (file: Run['files'][number]) => number) => run.files.reduce((total, file) => total + of(file), 0);
  const keysByHand = sum((file) => file.keysByHand);
  const keysSaved = savedOf(files);
  const latencies = run.files.flatMap(({ latenciesMs }) => latenciesMs);
  const inPauses = run.files.flatMap(({ pauseLatenciesMs }) => pauseLatenciesMs);
  const pauses = sum((file) => file.pauses);
  const outcomes: Record<string, number> = {};
  for (const file of run.files) {
    for (const [name, count] of Object.entries(file.outcomes)) outcomes[name] = (outcomes[name] ?? 0) + count;
  }
  return {
    scenario,
    policy,
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
    outcomes,
  };
}

/** Of two rows over the same files. */
export interface Comparison {
  readonly name: string;
  readonly value: number;
  readonly interval: Interval;
  /** The interval says that the two differ. */
  readonly isToldApart: boolean;
}

/**
 * What can be said of auto: the keys it saves more than each fixed size in a scenario, and which share of the keys that it
 * saves on the quiet machine it saves in the others. Files are resampled in pairs.
 */
export function comparisons(rows: readonly Summary[]): Comparison[] {
  const row = (scenario: string, policy: string) =>
    rows.find((one) => one.scenario === scenario && one.policy === policy);
  const found: Comparison[] = [];
  for (const auto of rows.filter(({ policy }) => policy === 'auto')) {
    for (const other of rows.filter(({ scenario, policy }) => scenario === auto.scenario && policy !== 'auto')) {
      const interval = bootstrap(
        pairs(auto, other),
        (files) => savedOf(files.map(({ a }) => a)) - savedOf(files.map(({ b }) => b)),
      );
      found.push({
        name: `${auto.scenario}: keys of auto less those of ${other.policy}`,
        value: auto.keysSaved - other.keysSaved,
        interval,
        isToldApart: interval.low > 0 || interval.high < 0,
      });
    }
  }
  for (const other of rows.filter(({ scenario }) => scenario !== 'quiet')) {
    const quiet = row('quiet', other.policy);
    // A hand of another pace, or one that errs, has other keys to save.
    if (quiet?.keysByHand !== other.keysByHand) continue;
    const interval = bootstrap(
      pairs(other, quiet),
      (files) => savedOf(files.map(({ a }) => a)) / savedOf(files.map(({ b }) => b)),
    );
    found.push({
      name: `${other.policy}: keys in ${other.scenario} as a share of those in quiet`,
      value: other.keysSaved / quiet.keysSaved,
      interval,
      isToldApart: interval.low > 1 || interval.high < 1,
    });
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

/** The least value that so many of them do not exceed. */
function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
