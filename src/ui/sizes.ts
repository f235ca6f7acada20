import type { CheckpointConfig } from '../matlm/config';
import { bytesPerToken, submodelNames, submodelOf } from '../matlm/submodel';

/** A submodel's place among the named sizes of its checkpoint. */
export interface SizeLabel {
  /** A few characters: `M`, or `M+` for one between M and L. */
  readonly shortName: string;
  /** 0 for the smallest size, 1 for the next; a half more for a submodel between two. */
  readonly level: number;
}

/** A submodel that the user can choose. */
export interface Tier {
  readonly name: string;
  readonly bytesPerToken: number;
}

/** The named sizes of a checkpoint, smallest first. */
export function sizesOf({ model, granularities }: CheckpointConfig): Tier[] {
  return Object.entries(granularities)
    .map(([name, widths]) => ({ name, bytesPerToken: bytesPerToken(model, widths) }))
    .sort((a, b) => a.bytesPerToken - b.bytesPerToken);
}

/** A submodel that the checkpoint does not have belongs to an imported model, whose name it has. It comes after all sizes. */
export function labelOf(config: CheckpointConfig, name: string): SizeLabel {
  const sizes = sizesOf(config);
  if (!submodelNames(config).includes(name)) return { shortName: name, level: sizes.length };
  const level = sizes.findIndex((size) => size.name === name);
  if (level >= 0) return { shortName: name, level };
  const bytes = bytesPerToken(config.model, submodelOf(config, name).widths);
  const below = sizes.findLastIndex((size) => size.bytesPerToken <= bytes);
  return below < 0
    ? { shortName: `${sizes[0]?.name ?? ''}-`, level: -0.5 }
    : { shortName: `${sizes[below]?.name ?? ''}+`, level: below + 0.5 };
}

/**
 * A few submodels of the measured frontier, cheapest first, each about the same factor more expensive than the one before.
 * A named size is preferred if it is close enough, because users know it.
 */
export function tiersOf(config: CheckpointConfig, wanted = 5): Tier[] {
  const sizes = sizesOf(config);
  const frontier = config.frontier.map(({ name, widths }) => ({
    name,
    bytesPerToken: bytesPerToken(config.model, widths),
  }));
  const rows = (frontier.length > 0 ? frontier : sizes).sort((a, b) => a.bytesPerToken - b.bytesPerToken);
  const first = rows[0];
  const last = rows.at(-1);
  if (!first || !last || rows.length <= wanted) return rows;
  const step = Math.log(last.bytesPerToken / first.bytesPerToken) / (wanted - 1);
  const isSize = ({ name }: Tier) => Object.hasOwn(config.granularities, name);
  const tiers = Array.from({ length: wanted }, (_, i) => {
    const target = Math.log(first.bytesPerToken) + i * step;
    const distance = (row: Tier) => Math.abs(Math.log(row.bytesPerToken) - target);
    const nearest = (among: readonly Tier[]) =>
      among.reduce<Tier | undefined>((best, row) => (best && distance(best) <= distance(row) ? best : row), undefined);
    const size = nearest(rows.filter(isSize));
    return size && distance(size) < step / 2 ? size : (nearest(rows) ?? first);
  });
  return [...new Set(tiers)];
}
