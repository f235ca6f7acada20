import { type Costs, decide, type Decision, type Declined, priceOf, type Snapshot } from './decide';
import type { Expectations } from './expectation';
import type { GovernorSettings } from './settings';
import { expectedCharacters, quality } from './value';

/**
 * Whether a larger submodel should complete the same place in a pause. It prepares a better suggestion for the next update,
 * so only its gain over `shown` counts, and only if there is time to spare.
 * @param shown the submodel whose suggestion is on the screen
 */
export function refine(
  snapshot: Snapshot,
  shown: string,
  costs: Costs,
  history: Expectations,
  settings: GovernorSettings,
): Decision | Declined {
  if (snapshot.gapMs !== undefined) return { submodel: undefined, reason: 'the user is typing' };
  const decision = decide({ ...snapshot, explicit: false, previous: {} }, costs, history, settings);
  if (!decision.submodel) return decision;
  if (!decision.speculateNext) return { submodel: undefined, reason: 'the machine has no time to spare' };
  const expected = history.expect(snapshot);
  const better = quality(costs.named(decision.submodel.name)) - quality(costs.named(shown));
  const gain = better * expectedCharacters(expected, undefined);
  const isWorthIt = gain > priceOf(decision.submodel, expected.passes, snapshot, costs);
  const reason = `no size is expected to gain more over ${shown} than it costs`;
  return isWorthIt ? decision : { submodel: undefined, reason };
}
