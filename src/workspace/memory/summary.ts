import { clauses, type Phrase, phrase } from '../../localisation/phrase';
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
const NAMES: Readonly<Record<LeftOut, Phrase>> = {
  'over the budget': phrase('over the budget'),
  'too large': phrase('too large'),
  minified: phrase('minified'),
  generated: phrase('generated'),
  'not text': phrase('not text'),
  secret: phrase('with secrets'),
};

/** `312 files, 1.2 MB; 20 still to be read; 4 left out: 3 too large, 1 minified` */
export function describeMemory({ state, files, unread, bytes, leftOut, isTruncated }: MemorySummary): Phrase {
  if (state === 'off') return phrase({ message: 'off', comment: ['the memory of the workspace is off'] });
  if (state === 'unavailable') {
    return phrase('not available, because it needs the native engine and a model with a gate');
  }
  if (state === 'waiting') return phrase('empty until the engine is ready');
  const named = Object.entries(NAMES).flatMap(([reason, name]) => {
    const count = leftOut[reason as LeftOut] ?? 0;
    return count > 0 ? [{ count, name }] : [];
  });
  const total = named.reduce((sum, { count }) => sum + count, 0);
  const [only, ...others] = named;
  const isOne = only !== undefined && others.length === 0;
  const reasons = isOne
    ? only.name
    : named.map(({ count, name }) =>
        phrase(
          { message: '{0} {1}', comment: ['a number of files, and why they are left out: 3 too large'] },
          count,
          name,
        ),
      );
  return clauses(
    files === 1 ? phrase('1 file, {0}', sizeOf(bytes)) : phrase('{0} files, {1}', files, sizeOf(bytes)),
    ...(unread > 0 ? [phrase('{0} still to be read', unread)] : []),
    ...(total > 0 ? [phrase('{0} left out: {1}', total, reasons)] : []),
    ...(isTruncated ? [phrase('the workspace has more files, and only the nearest are considered')] : []),
  );
}

function sizeOf(bytes: number): Phrase {
  return bytes < 1e6 ? phrase('{0} kB', Math.ceil(bytes / 1e3)) : phrase('{0} MB', { value: bytes / 1e6, digits: 1 });
}

/** By reason, how many files were left out. */
export function countLeftOut(countOf: (reason: LeftOut) => number): MemorySummary['leftOut'] {
  const counts = Object.keys(NAMES).map((reason) => [reason, countOf(reason as LeftOut)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
