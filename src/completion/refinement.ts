import { TYPING_GAP_MS } from '../governor/typing';
import type { RequestSettings } from './plan';
import type { CompletionRequest } from './request';
import { TypedSince } from './reuse/typedSince';
import type { Stages } from './speculate';

export interface RefinementParts {
  readonly settings: () => RequestSettings;
  /** Resolves after so long by the clock, or at once when the signal aborts. */
  readonly wait: (delayMs: number, signal: AbortSignal) => Promise<void>;
}

/** Given as a string: without a reason every abort makes an error with its stack, which takes longer than the abort. */
const TYPING_GOES_ON = 'typing goes on';

/** Has a larger submodel write, in a pause over a suggestion, a better one for what is shown next. */
export class Refinement {
  /** Aborted when the user goes on. */
  private pause = new AbortController();
  /** The document in which the user pauses: others, such as logs, change meanwhile. */
  private document: string | undefined;

  constructor(
    private readonly parts: RefinementParts,
    private readonly stages: Stages,
  ) {}

  async prepare(request: CompletionRequest): Promise<void> {
    const { planner, runner, earlier } = this.stages;
    this.endPause();
    const { signal } = (this.pause = new AbortController());
    this.document = request.document;
    await this.parts.wait(TYPING_GAP_MS, signal);
    await earlier.inFlight?.ended;
    const isWanted = () => !signal.aborted;
    const shown = earlier.onScreen?.submodel;
    if (!isWanted() || shown === undefined) return;
    const here = { ...request, explicit: false };
    const since = new TypedSince(here);
    const diverged = earlier.hasDiverged(since);
    const plan = await planner.plan(here, this.parts.settings(), { purpose: 'refinement', diverged, isWanted, shown });
    if (!plan || !('prompt' in plan)) return;
    const cached = earlier.cached(since, plan);
    if (cached) earlier.prepare(cached.generation, plan.settings.key);
    else runner.start(plan, 'refinement');
  }

  edited(document: string): void {
    if (document === this.document) this.endPause();
  }

  endPause(): void {
    this.pause.abort(TYPING_GOES_ON);
  }
}
