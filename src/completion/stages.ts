import type { Planner, RequestSettings } from './plan';
import type { PlanRunner } from './planRunner';
import type { EarlierOutput } from './reuse/earlierOutput';

/** The parts of the pipeline that speculative completions and refinements use. */
export interface Stages {
  readonly earlier: EarlierOutput;
  readonly planner: Planner;
  readonly runner: PlanRunner;
  readonly settings: () => RequestSettings;
  /** Resolves after a delay, or at once when the signal aborts. */
  readonly wait: (delayMs: number, signal: AbortSignal) => Promise<void>;
}
