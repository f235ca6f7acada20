import { type Costs, decide, type Decision, type Declined, type Expectations, priceOf, type Snapshot } from './decide';
import type { GovernorSettings } from './settings';
import { expectedCharacters, quality } from './value';

/**
 * Whether another submodel should write anew, in a pause, what `shown` has suggested at a place: for what is shown next,
 * so only what it does better counts, and only where there is time to spare.
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
  const nothing = `what ${shown} has suggested is good enough`;
  return isWorthIt ? decision : { submodel: undefined, reason: nothing };
}
