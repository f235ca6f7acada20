import { bootstrap, type Interval } from '../../replay/bootstrap';
import type { Judgement } from './judge';

/** The same place without and with the memory of the workspace. */
export interface PairedPlace {
  /** Places of one file resemble each other. */
  readonly file: string;
  readonly off: Judgement;
  readonly on: Judgement;
}

/** A mean difference over places, and its standard error. */
export interface Difference {
  readonly mean: number;
  readonly standardError: number;
}

/** The effect of the memory at the same places. */
export interface Effect {
  readonly places: number;
  readonly exact: Difference;
  readonly shown: Difference;
  readonly chars: Difference;
  /** Characters a place with the memory over those without; `interval` by a bootstrap over files. */
  readonly charsRatio: { readonly value: number; readonly interval: Interval };
}

export function effectOf(pairs: readonly PairedPlace[]): Effect {
  const difference = (of: (judgement: Judgement) => number | boolean) =>
    differenceOf(pairs.map(({ off, on }) => Number(of(on)) - Number(of(off))));
  const ratio = (of: readonly PairedPlace[]) => sum(of, ({ on }) => on.chars) / sum(of, ({ off }) => off.chars);
  const byFile = new Map<string, PairedPlace[]>();
  for (const pair of pairs) byFile.set(pair.file, [...(byFile.get(pair.file) ?? []), pair]);
  return {
    places: pairs.length,
    exact: difference(({ exact }) => exact),
    shown: difference(({ shown }) => shown),
    chars: difference(({ chars }) => chars),
    charsRatio: { value: ratio(pairs), interval: bootstrap([...byFile.values()], (files) => ratio(files.flat())) },
  };
}

export function differenceOf(differences: readonly number[]): Difference {
  const count = differences.length;
  const mean = sum(differences, (value) => value) / count;
  const variance = sum(differences, (value) => (value - mean) ** 2) / Math.max(1, count - 1);
  return { mean, standardError: Math.sqrt(variance / count) };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
