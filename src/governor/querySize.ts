import type { Machine } from './machine';
import type { GovernorSettings } from './settings';

/** A size of an encoder and the time that a query takes with it; undefined until it was measured. */
export interface QueryCost {
  readonly submodel: string;
  readonly embedMs?: number;
}

/** An answer in a pause should come at once, too. */
const PAUSE_MS = 200;

/**
 * The size that embeds a query. All sizes are compared with the same index, so each key may be answered by another one: the smallest
 * while the query is being typed, and in a pause the largest that answers in time.
 * @param costs smallest first
 * @returns undefined if there are no sizes yet
 */
export function querySize(
  costs: readonly QueryCost[],
  isPausing: boolean,
  { powerSource }: Pick<Machine, 'powerSource'>,
  { submodel, batteryCap, latencyBudgetMs = PAUSE_MS }: GovernorSettings,
): string | undefined {
  const names = costs.map((cost) => cost.submodel);
  if (names.includes(submodel)) return submodel; // fixed by the user
  const [smallest] = names;
  if (!isPausing) return smallest;
  const cap = powerSource === 'battery' && batteryCap !== undefined ? names.indexOf(batteryCap) : -1;
  const allowed = cap < 0 ? costs : costs.slice(0, cap + 1);
  const inTime = allowed.filter(({ embedMs = 0 }) => embedMs <= latencyBudgetMs);
  return inTime.at(-1)?.submodel ?? smallest;
}
