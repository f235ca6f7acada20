import { gate } from './gate';
import type { Suggestion } from './outcome';
import type { Plan } from './plan';
import { TypedSince } from './reuse/typedSince';
import type { Stages } from './stages';

/** Speculative completion: while the user reads a suggestion, decode at the position after it. Any request comes first. */
export async function speculate(
  { planner, runner, earlier }: Stages,
  { request, settings }: Plan,
  { text, replaces }: Suggestion,
): Promise<void> {
  const next = {
    ...request,
    prefix: request.prefix + text,
    suffix: request.suffix.slice(replaces),
    lineSuffix: request.lineSuffix.slice(replaces),
    explicit: false,
  };
  if (gate(next)) return;
  const since = new TypedSince(next);
  const plan = await planner.plan(next, settings, {
    purpose: 'speculative',
    diverged: earlier.hasDiverged(since),
    isWanted: () => !earlier.inFlight,
  });
  if (plan && 'prompt' in plan && !earlier.cached(since, plan)) await runner.start(plan, 'speculative').ended;
}
