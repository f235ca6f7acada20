import { TYPING_GAP_MS } from '../governor/typing';
import type { CompletionRequest } from './request';
import { TypedSince } from './reuse/typedSince';
import type { Stages } from './stages';

/**
 * In a pause over a suggestion, a larger submodel prepares a better one for the next update.
 * @param pause aborted when the user continues
 */
export async function refine(
  { earlier, planner, runner, settings, wait }: Stages,
  request: CompletionRequest,
  pause: AbortSignal,
): Promise<void> {
  await wait(TYPING_GAP_MS, pause);
  await earlier.inFlight?.ended;
  const isWanted = () => !pause.aborted;
  const shown = earlier.onScreen?.submodel;
  if (!isWanted() || shown === undefined) return;
  const here = { ...request, explicit: false };
  const since = new TypedSince(here);
  const diverged = earlier.hasDiverged(since);
  const plan = await planner.plan(here, settings(), { purpose: 'refinement', diverged, isWanted, shown });
  if (!plan || !('prompt' in plan)) return;
  const cached = earlier.cached(since, plan);
  if (cached) earlier.prepare(cached.generation, plan.settings.key);
  else await runner.start(plan, 'refinement').ended;
}
