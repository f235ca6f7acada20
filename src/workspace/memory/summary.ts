import type { KnownFile } from './contents';
import type { LeftOut } from './fitness';

/** What the memory knows. */
export interface MemorySummary {
  /** `waiting` for an engine; `unavailable` because the engine has no memory. */
  readonly state: 'on' | 'off' | 'waiting' | 'unavailable';
  readonly files: number;
  readonly bytes: number;
  readonly leftOut: ReadonlyMap<LeftOut, number>;
  /** Whether the workspace has more files than are considered. */
  readonly isTruncated: boolean;
}

/** In the order in which they are named. */
const NAMES: Readonly<Record<LeftOut, string>> = {
  'over the budget': 'over the budget',
  'too large': 'too large',
  minified: 'minified',
  generated: 'generated',
  'not text': 'not text',
  secret: 'with secrets',
};

export function countStates(files: Iterable<KnownFile>): Pick<MemorySummary, 'files' | 'leftOut'> {
  const leftOut = new Map<LeftOut, number>();
  let remembered = 0;
  for (const { state } of files) {
    if (state === 'remembered') remembered++;
    else if (state !== undefined) leftOut.set(state, (leftOut.get(state) ?? 0) + 1);
  }
  return { files: remembered, leftOut };
}

/** `312 files, 1.2 MB; 4 left out: 3 too large, 1 minified` */
export function describeMemory({ state, files, bytes, leftOut, isTruncated }: MemorySummary): string {
  if (state === 'off') return 'off';
  if (state === 'unavailable') return 'not available, because it needs the native engine and a model with a gate';
  if (state === 'waiting') return 'empty until the engine is ready';
  const named = Object.entries(NAMES).flatMap(([reason, name]) => {
    const count = leftOut.get(reason as LeftOut) ?? 0;
    return count > 0 ? [{ count, name }] : [];
  });
  const total = named.reduce((sum, { count }) => sum + count, 0);
  return [
    `${plural(files)}, ${(bytes / 1e6).toFixed(1)} MB`,
    ...(total > 0 ? [`${total} left out: ${named.map(({ count, name }) => `${count} ${name}`).join(', ')}`] : []),
    ...(isTruncated ? ['the workspace has more files, and only the nearest are considered'] : []),
  ].join('; ');
}

function plural(files: number): string {
  return files === 1 ? '1 file' : `${files} files`;
}
