import type { LeftOut } from './fitness';

/** What the memory knows. */
export interface MemorySummary {
  /** `waiting` for an engine; `unavailable` because the engine has no memory. */
  readonly state: 'on' | 'off' | 'waiting' | 'unavailable';
  readonly files: number;
  /** Files that are still to be read, as far as they are known. */
  readonly unread: number;
  readonly bytes: number;
  /** How many files were left out for a reason. */
  readonly leftOut: Readonly<Partial<Record<LeftOut, number>>>;
  /** Whether the workspace has more files than are considered. */
  readonly isTruncated: boolean;
}

/** The reasons in words, in the order in which they are named. */
const NAMES: Readonly<Record<LeftOut, string>> = {
  'over the budget': 'over the budget',
  'too large': 'too large',
  minified: 'minified',
  generated: 'generated',
  'not text': 'not text',
  secret: 'with secrets',
};

/** `312 files, 1.2 MB; 20 still to be read; 4 left out: 3 too large, 1 minified` */
export function describeMemory({ state, files, unread, bytes, leftOut, isTruncated }: MemorySummary): string {
  if (state === 'off') return 'off';
  if (state === 'unavailable') return 'not available, because it needs the native engine and a model with a gate';
  if (state === 'waiting') return 'empty until the engine is ready';
  const named = Object.entries(NAMES).flatMap(([reason, name]) => {
    const count = leftOut[reason as LeftOut] ?? 0;
    return count > 0 ? [{ count, name }] : [];
  });
  const total = named.reduce((sum, { count }) => sum + count, 0);
  const [only, ...others] = named;
  const isOne = only !== undefined && others.length === 0;
  const reasons = isOne ? only.name : named.map(({ count, name }) => `${count} ${name}`).join(', ');
  return [
    `${plural(files)}, ${sizeOf(bytes)}`,
    ...(unread > 0 ? [`${unread} still to be read`] : []),
    ...(total > 0 ? [`${total} left out: ${reasons}`] : []),
    ...(isTruncated ? ['the workspace has more files, and only the nearest are considered'] : []),
  ].join('; ');
}

function sizeOf(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function plural(files: number): string {
  return files === 1 ? '1 file' : `${files} files`;
}

/** By reason, how many files were left out. */
export function countLeftOut(countOf: (reason: LeftOut) => number): MemorySummary['leftOut'] {
  const counts = Object.keys(NAMES).map((reason) => [reason, countOf(reason as LeftOut)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
