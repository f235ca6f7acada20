import { phrase } from '../localisation/phrase';
import type { Candidate } from '../matlm/submodel';
import { allowedBy, type Costs, decide, type Decision, type Declined, priceOf, type Snapshot } from './decide';
import { allowanceOf, WINDOW_MS } from './dutyCycle';
import type { Expectations } from './expectation';
import { hasTimeToSpare } from './machine';
import type { GovernorSettings } from './settings';
import { expectedCharacters, quality } from './value';

/** Nobody waits for a refinement, but a longer one would often come after the pause. */
const REFINEMENT_BUDGET_MS = 1500;
/** Reading ahead in a pause is bounded by a multiple of the allowance, as while typing. */
const USABLE_FOR_READ_AHEAD = 2;
/**
 * The characters that a model completes where another had nothing to show, as a share of what it completes elsewhere. Such
 * places are harder for every model.
 */
const SECOND_OPINION = 0.3;

/**
 * Whether a better submodel should complete the same place in a pause. It prepares a better suggestion for the next update, so
 * only its gain over `shown` counts, and only if there is time to spare. If the best one would come too late because of its
 * prompt, that is read first.
 * @param shown the submodel whose suggestion is on the screen; undefined if another model had nothing to show, and the costs
 *   are those of the others
 */
export function refine(
  snapshot: Snapshot,
  shown: string | undefined,
  costs: Costs,
  history: Expectations,
  settings: GovernorSettings,
): Decision | Declined {
  if (snapshot.gapMs !== undefined) return { submodel: undefined, reason: phrase('the user is typing') };
  if (!hasTimeToSpare(snapshot.machine)) return { submodel: undefined, reason: NO_TIME };
  // A fixed size answers alone.
  if (shown === undefined && settings.submodel !== 'auto') return { submodel: undefined, reason: NO_OTHER };
  const inPause = { ...snapshot, explicit: false, previous: {} };
  const budgetMs = settings.latencyBudgetMs ?? REFINEMENT_BUDGET_MS;
  const decision = decide(inPause, costs, history, { ...settings, latencyBudgetMs: budgetMs });
  if (!decision.submodel) return decision;
  if (!decision.speculateNext) return { submodel: undefined, reason: NO_TIME };
  const expected = history.expect(snapshot);
  const share = (candidate: Candidate) =>
    shown === undefined ? SECOND_OPINION * quality(candidate) : quality(candidate) - quality(costs.named(shown));
  const isWorthIt = (candidate: Candidate) =>
    share(candidate) * expectedCharacters(expected, undefined) >
    priceOf(candidate.submodel, expected.passes, snapshot, costs);
  const isInTime = ({ submodel }: Candidate, promptTokens: number) =>
    (costs.predictMs(submodel, promptTokens, expected.passes) ?? Infinity) <= budgetMs;

  const chosen = costs.named(decision.submodel.name);
  // Candidates that are at least as good, and in time once their prompts are read; the best last.
  const unread = settings.submodel === 'auto' ? allowedBy(inPause, costs, settings) : [chosen];
  const late = unread
    .filter((one) => quality(one) >= quality(chosen) && !isInTime(one, snapshot.unreadBy(one.submodel)))
    .filter((one) => isInTime(one, 0) && isWithinSpareTime(one, snapshot, costs))
    .toSorted((a, b) => quality(a) - quality(b))
    .findLast(isWorthIt);
  if (late) {
    const reason = phrase('{0} is expected to be better, and its prompt is read first', late.submodel.name);
    return { submodel: undefined, considered: late.submodel, readAhead: true, reason };
  }
  const isUseful = isWorthIt(chosen) && isInTime(chosen, snapshot.unreadBy(chosen.submodel));
  if (isUseful) return decision;
  const reason =
    shown === undefined ? NO_OTHER : phrase('no size is expected to gain more over {0} than it costs', shown);
  return { submodel: undefined, reason };
}

const NO_OTHER = phrase('no other model is expected to gain more than it costs');
const NO_TIME = phrase('the machine has no time to spare');

/** Whether the engine has the time to read a prompt that nobody waits for. */
function isWithinSpareTime(
  { submodel }: Candidate,
  { machine, engineShare, unreadBy }: Snapshot,
  costs: Costs,
): boolean {
  const spareMs = (USABLE_FOR_READ_AHEAD * allowanceOf(machine).share - engineShare) * WINDOW_MS;
  return (costs.predictMs(submodel, unreadBy(submodel), 0) ?? Infinity) <= spareMs;
}
