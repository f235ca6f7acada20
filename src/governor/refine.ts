import { type Costs, decide, type Decision, type Declined, priceOf, type Snapshot } from './decide';
import type { Expectations } from './expectation';
import type { GovernorSettings } from './settings';
import { expectedCharacters, quality } from './value';

/**
 * Whether another submodel should complete the same place in a pause, after `shown` has: it prepares a better suggestion
 * for the next update, so only its gain over `shown` counts, and only if there is time to spare.
 */
export function refine(
  snapshot: Snapshot,
  shown: string,
  costs: Costs,
  history: Expectations,
  settings: GovernorSettings,
): Decision | Declined {
  if (snapshot.gapMs !== undefined) return { submodel: undefined, reason: 'typing goes on' };
  const decision = decide({ ...snapshot, explicit: false, previous: {} }, costs, history, settings);
  if (!decision.submodel) return decision;
  if (!decision.speculateNext) return { submodel: undefined, reason: 'there is no time to spare' };
  const expected = history.expect(snapshot);
  const better = quality(costs.named(decision.submodel.name)) - quality(costs.named(shown));
  const gain = better * expectedCharacters(expected, undefined);
  const isWorthIt = gain > priceOf(decision.submodel, expected.passes, snapshot, costs);
  const nothing = `no size is expected to be enough better than ${shown}`;
  return isWorthIt ? decision : { submodel: undefined, reason: nothing };
}
