import { layOut } from '../cli/table';
import type { Interval } from './bootstrap';
import { comparisons, type Summary } from './report';

type Column = readonly [name: string, cell: (row: Summary) => string];

const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
const ms = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(0));
const between = ({ low, high }: Interval, cell: (value: number) => string) => `${cell(low)} to ${cell(high)}`;
const whole = (value: number) => value.toFixed(0);

const COLUMNS: readonly Column[] = [
  ['scenario', (row) => row.scenario],
  ['policy', (row) => row.policy],
  ['keys saved', (row) => whole(row.keysSaved)],
  ['95%', (row) => between(row.keysSavedInterval, whole)],
  ['of all', (row) => percent(row.savedShare)],
  ['shown', (row) => whole(row.shown)],
  ['accepted', (row) => whole(row.accepted)],
  ['p50 ms', (row) => ms(row.p50Ms)],
  ['p95 ms', (row) => ms(row.p95Ms)],
  ['pauses', (row) => whole(row.pauses)],
  ['with text', (row) => percent(row.pausesWithTextShare)],
  ['first p50', (row) => ms(row.pauseP50Ms)],
  ['first p95', (row) => ms(row.pauseP95Ms)],
  ['decodes', (row) => whole(row.decodes)],
  ['tokens', (row) => whole(row.decodedTokens)],
  ['never shown', (row) => whole(row.wastedTokens)],
  ['engine s', (row) => row.engineSeconds.toFixed(1)],
  ['of a core', (row) => percent(row.engineShare)],
  ['most in 30 s', (row) => percent(row.mostEngineShare)],
  ['GB read', (row) => row.gigabytesRead.toFixed(1)],
  ['keys/engine s', (row) => row.savedPerEngineSecond.toFixed(1)],
];
const MEMORY: Column = ['memory', (row) => row.memory ?? '-'];
/** Columns that only a run in real time has. */
const REAL_COLUMNS: readonly Column[] = [
  ['CPU s', (row) => row.cpuSeconds.toFixed(2)],
  ['joules', ({ joules }) => (joules === 'unknown' ? joules : joules.toFixed(1))],
];

/** The rows for a terminal, and below them the comparisons. */
export function replayTable(rows: readonly Summary[], isRealTime: boolean): string {
  const [scenario, policy, ...figures] = isRealTime ? [...COLUMNS, ...REAL_COLUMNS] : COLUMNS;
  const hasMemory = rows.some(({ memory }) => memory !== undefined);
  const columns = [scenario, policy, ...(hasMemory ? [MEMORY] : []), ...figures].filter(
    (column) => column !== undefined,
  );
  const table = layOut(
    [columns.map(([name]) => name), ...rows.map((row) => columns.map(([, cell]) => cell(row)))],
    hasMemory ? [1, 2] : [1],
  );
  const compared = comparisons(rows).map(({ name, value, interval, isSignificant }) => {
    const cell = name.includes('share') ? percent : whole;
    return [name, cell(value), between(interval, cell), isSignificant ? '' : 'not significant'];
  });
  if (compared.length === 0) return table;
  return `${table}\n\n${layOut([['', 'value', '95%', ''], ...compared], [3])}`;
}
