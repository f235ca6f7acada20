import { TYPING_GAP_MS } from '../governor/typing';
import type { Answered, Plan } from './plan';
import type { CompletionRequest } from './request';
import { isSuggesting } from './reuse/generation';
import { TypedSince } from './reuse/typedSince';
import type { Stages } from './stages';

/**
 * In a pause over a suggestion, a better submodel prepares a better one for the next update.
 * @param pause aborted when the user continues
 */
export async function refine(stages: Stages, request: CompletionRequest, pause: AbortSignal): Promise<void> {
  const { earlier, runner, wait } = stages;
  await wait(TYPING_GAP_MS, pause);
  await earlier.inFlight?.ended;
  const submodel = earlier.onScreen?.submodel;
  const plan = submodel === undefined ? undefined : await planIn(stages, request, pause, { submodel, isShown: true });
  if (!plan) return;
  const cached = earlier.cached(new TypedSince(plan.request), plan);
  if (cached) earlier.prepare(cached.generation, plan.settings.key);
  else await runner.start(plan, 'refinement').ended;
}

/**
 * In a pause at a place where one model had nothing to show, another one is asked if there is one. Its suggestion is shown at
 * once, because nothing is there that it would replace.
 * @param submodel had nothing to show
 */
export async function secondOpinion(
  stages: Stages,
  request: CompletionRequest,
  submodel: string,
  pause: AbortSignal,
): Promise<void> {
  const { models, earlier, runner, wait, askAgain } = stages;
  // The sizes of one model are mostly unsure at the same places.
  if (models.all.length === 1) return;
  await wait(TYPING_GAP_MS, pause);
  await earlier.inFlight?.ended;
  const plan = await planIn(stages, request, pause, { submodel, isShown: false });
  if (!plan) return;
  const ended = await runner.start(plan, 'refinement').ended;
  if (pause.aborted || ended.kind !== 'generated' || !isSuggesting(ended.generation)) return;
  earlier.show(ended.generation, plan.request, plan.settings.key, { isNew: true });
  askAgain(request);
}

/** The plan of a better submodel, once its prompt is read if that takes long; undefined if there is none. */
async function planIn(
  { models, earlier, planner, readAhead, settings }: Stages,
  request: CompletionRequest,
  pause: AbortSignal,
  answered: Answered,
): Promise<Plan | undefined> {
  const isWanted = () => !pause.aborted;
  const here = { ...request, explicit: false };
  const diverged = earlier.hasDiverged(new TypedSince(here));
  const planned = async () =>
    isWanted() && models.of(answered.submodel)
      ? planner.plan(here, settings(), { purpose: 'refinement', diverged, isWanted, answered })
      : undefined;
  let plan = await planned();
  if (plan && !('prompt' in plan) && plan.unread) {
    await readAhead.readIn(pause, plan.unread);
    plan = await planned();
  }
  return plan && 'prompt' in plan ? plan : undefined;
}
