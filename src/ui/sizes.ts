import type { CheckpointConfig } from '../matlm/config';
import { bytesPerToken, submodelOf } from '../matlm/submodel';

/** Where a submodel stands among the named sizes of its checkpoint. */
export interface Standing {
  /** A few characters: `M`, or `M+` for one between M and L. */
  readonly shortName: string;
  /** 0 for the smallest size, 1 for the next, a half more between two. */
  readonly level: number;
}

/** A submodel to choose by hand. */
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

/** @throws {Error} where the checkpoint has no submodel of that name */
export function standingOf(config: CheckpointConfig, name: string): Standing {
  const sizes = sizesOf(config);
  const level = sizes.findIndex((size) => size.name === name);
  if (level >= 0) return { shortName: name, level };
  const bytes = bytesPerToken(config.model, submodelOf(config, name).widths);
  const below = sizes.findLastIndex((size) => size.bytesPerToken <= bytes);
  return below < 0
    ? { shortName: `${sizes[0]?.name ?? ''}-`, level: -0.5 }
    : { shortName: `${sizes[below]?.name ?? ''}+`, level: below + 0.5 };
}

/**
 * A few submodels of the measured frontier, cheapest first, whose cost rises by about the same factor from each to the
 * next. Where a named size is near enough it is taken, for people know it.
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
  const isSize = ({ name }: Tier) => name in config.granularities;
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
