import type { Models } from './models';
import type { Planner, RequestSettings } from './plan';
import type { PlanRunner } from './planRunner';
import type { ReadAhead } from './readAhead';
import type { CompletionRequest } from './request';
import type { EarlierOutput } from './reuse/earlierOutput';

/** The parts of the pipeline that speculative completions and refinements use. */
export interface Stages {
  readonly models: Models;
  readonly earlier: EarlierOutput;
  readonly planner: Planner;
  readonly runner: PlanRunner;
  readonly readAhead: ReadAhead;
  /** The editor should repeat a request, because there is something to show now. */
  readonly askAgain: (request: CompletionRequest) => void;
  readonly settings: () => RequestSettings;
  /** Resolves after a delay, or at once when the signal aborts. */
  readonly wait: (delayMs: number, signal: AbortSignal) => Promise<void>;
}
