import { layOut } from '../cli/table';
import type { Run } from './replay';

/** One row of the report: a policy in a scenario, all files together. */
export interface Summary {
  readonly scenario: string;
  readonly policy: string;
  readonly files: number;
  readonly keysByHand: number;
  readonly keysSaved: number;
  /** Of the keys that it takes by hand, 0 to 1. */
  readonly savedShare: number;
  readonly shown: number;
  readonly accepted: number;
  /** From the last key to the text, undefined where none appeared. */
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly decodes: number;
  readonly decodedTokens: number;
  /** Tokens decoded that never stood on the screen. */
  readonly wastedTokens: number;
  readonly prefilledTokens: number;
  /** By the engine's own clock. */
  readonly engineSeconds: number;
  /** Of the whole process, all threads. */
  readonly cpuSeconds: number;
  readonly gigabytesRead: number;
  /** Taken meanwhile, by whatever the sensors count: the processor's packages, or the machine on its battery. */
  readonly joules: number | 'unknown';
  readonly savedPerCpuSecond: number;
  readonly decodesBySubmodel: Readonly<Record<string, number>>;
  readonly outcomes: Readonly<Record<string, number>>;
}

/** @param joules undefined where no sensor tells */
export function summarise({ policy, scenario, files, use, cpuMs, decodesBySubmodel }: Run, joules?: number): Summary {
  const sum = (of: (file: Run['files'][number]) => number) => files.reduce((total, file) => total + of(file), 0);
  const keysByHand = sum((file) => file.keysByHand);
  const keysSaved = keysByHand - sum((file) => file.keys);
  const latencies = files.flatMap(({ latenciesMs }) => latenciesMs).sort((a, b) => a - b);
  const percentile = (share: number) => latencies[Math.max(0, Math.ceil(share * latencies.length) - 1)];
  const outcomes: Record<string, number> = {};
  for (const file of files) {
    for (const [name, count] of Object.entries(file.outcomes)) outcomes[name] = (outcomes[name] ?? 0) + count;
  }
  const cpuSeconds = cpuMs / 1000;
  return {
    scenario,
    policy,
    files: files.length,
    keysByHand,
    keysSaved,
    savedShare: keysSaved / keysByHand,
    shown: sum((file) => file.shown),
    accepted: sum((file) => file.accepted),
    p50Ms: percentile(0.5),
    p95Ms: percentile(0.95),
    decodes: use.decodes,
    decodedTokens: use.decodedTokens,
    wastedTokens: use.decodedTokens - sum((file) => file.shownTokens),
    prefilledTokens: use.prefilledTokens,
    engineSeconds: use.engineMs / 1000,
    cpuSeconds,
    gigabytesRead: use.bytesRead / 1e9,
    joules: joules ?? 'unknown',
    savedPerCpuSecond: keysSaved / cpuSeconds,
    decodesBySubmodel,
    outcomes,
  };
}

/** The rows for a terminal; beside each what it is of fixed XL in the same scenario, where that was run. */
export function replayTable(rows: readonly Summary[]): string {
  const head = [
    'scenario',
    'policy',
    'keys saved',
    'of all',
    'of XL’s',
    'shown',
    'accepted',
    'p50 ms',
    'p95 ms',
    'decodes',
    'tokens',
    'never shown',
    'engine s',
    'of XL’s',
    'CPU s',
    'of XL’s',
    'GB read',
    'joules',
    'keys/CPU s',
  ];
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  const ms = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(0));
  const body = rows.map((row) => {
    const xl = rows.find(({ scenario, policy }) => scenario === row.scenario && policy === 'XL');
    return [
      row.scenario,
      row.policy,
      String(row.keysSaved),
      percent(row.savedShare),
      xl ? percent(row.keysSaved / xl.keysSaved) : '-',
      String(row.shown),
      String(row.accepted),
      ms(row.p50Ms),
      ms(row.p95Ms),
      String(row.decodes),
      String(row.decodedTokens),
      String(row.wastedTokens),
      row.engineSeconds.toFixed(2),
      xl ? percent(row.engineSeconds / xl.engineSeconds) : '-',
      row.cpuSeconds.toFixed(2),
      xl ? percent(row.cpuSeconds / xl.cpuSeconds) : '-',
      row.gigabytesRead.toFixed(2),
      row.joules === 'unknown' ? row.joules : row.joules.toFixed(1),
      row.savedPerCpuSecond.toFixed(0),
    ];
  });
  return layOut([head, ...body], [1]);
}
