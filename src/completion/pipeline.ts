import type { Engine } from '../engine/engine';
import type { GovernorSettings } from '../governor/settings';
import type { Declined } from '../governor/decide';
import { quality } from '../governor/value';
import { alternativesTo } from './alternatives';
import type { Eagerness } from './decode/confidence';
import { gate } from './gate';
import type { Outcome, Suggestion } from './outcome';
import { Planner, type PlannerParts, requestSettings, type RequestSettings } from './plan';
import { PlanRunner, type PlanRunnerParts } from './planRunner';
import { Refinement, type RefinementParts } from './refinement';
import type { CompletionRequest } from './request';
import { type Accepted, EarlierOutput } from './reuse/earlierOutput';
import { isSuggesting, outcomeOf } from './reuse/generation';
import type { InFlightCompletion } from './reuse/inFlight';
import type { Remaining } from './reuse/remaining';
import { TypedSince } from './reuse/typedSince';
import { speculate, type Stages } from './speculate';
import { Trace } from './trace';

export interface PipelineParts extends PlannerParts, PlanRunnerParts {
  readonly engine: Engine;
  /** What the user decided; asked at every request. */
  readonly settings: () => GovernorSettings;
  readonly eagerness: () => Eagerness;
  /** Resolves after so long by the clock, or at once when the signal aborts. */
  readonly wait: RefinementParts['wait'];
}

/** From a cursor to a suggestion. `answer` is one request from top to bottom. */
export class Pipeline {
  private readonly earlier = new EarlierOutput();
  private readonly planner: Planner;
  private readonly stages: Stages;
  private readonly refinement: Refinement;

  constructor(private readonly parts: PipelineParts) {
    const { earlier } = this;
    const planner = (this.planner = new Planner(parts));
    const runner = new PlanRunner(parts, planner, earlier);
    this.stages = { planner, runner, earlier };
    this.refinement = new Refinement({ settings: () => this.settings(), wait: parts.wait }, this.stages);
  }

  /**
   * @param signal aborted when the editor no longer wants the answer; the work may go on for the next request
   * @param trace is told how long each stage takes
   */
  async complete(request: CompletionRequest, signal: AbortSignal, trace = new Trace(this.parts.now)): Promise<Outcome> {
    this.refinement.endPause();
    const outcome = await this.answer(request, signal, trace);
    if ('suggestion' in outcome && !signal.aborted) void this.refinement.prepare(request);
    return outcome;
  }

  private async answer(request: CompletionRequest, signal: AbortSignal, trace: Trace): Promise<Outcome> {
    const closed = gate(request);
    trace.end('gate');
    if (closed) return { kind: 'gated', ...closed };

    const settings = this.settings();
    const { since, accepted, ghostText, joinable } = this.earlier.at(request, settings.key);
    if (accepted) this.learn(accepted);
    trace.end('reuse');
    if (ghostText) return this.show(ghostText, 'typed as suggested');

    const joined = joinable && (await this.join(joinable, since, settings, signal));
    trace.end('join');
    if (joined) return joined;
    if (signal.aborted) return superseded('cancelled before it began');

    const plan = await this.planner.plan(request, settings, {
      purpose: 'requested',
      diverged: this.earlier.hasDiverged(since),
      isWanted: () => !signal.aborted,
      trace,
    });
    if (!plan) return superseded('cancelled before it began');
    if (!('prompt' in plan)) return declined(plan);

    const cached = this.earlier.cached(since, plan);
    trace.end('cache');
    if (cached) {
      this.earlier.show(cached.generation, request, settings.key);
      if (plan.decision.speculateNext) void speculate(this.stages, plan, cached.suggestion);
      return this.show(cached, 'cached');
    }
    if (this.earlier.isKnownUnsure(since, plan, this.parts.checkpoint.calibration?.weights)) {
      const { name: submodel } = plan.decision.submodel;
      return { kind: 'unsure', reason: 'a low-confidence prediction here was already rejected', submodel };
    }

    if (plan.decision.delayMs > 0) {
      await this.parts.wait(plan.decision.delayMs, signal);
      trace.end('wait');
    }
    if (isAborted(signal)) return superseded('cancelled while it waited for typing to go on');
    const ended = await Promise.race([this.stages.runner.start(plan, 'requested', trace).ended, aborted(signal)]);
    if (!ended) return superseded('cancelled; its decode goes on');
    if (ended.kind !== 'generated') return ended;

    const { generation } = ended;
    if (!isSuggesting(generation)) return this.keepGhostText(request, since, settings, outcomeOf(generation));
    if (plan.decision.speculateNext) void speculate(this.stages, plan, generation.suggestion);
    return this.show({ generation, suggestion: generation.suggestion }, 'just generated');
  }

  /** Alternatives to the first suggestion, for a user who asked by hand and wants to choose: at most two. */
  async alternatives(request: CompletionRequest, first: Suggestion, signal: AbortSignal): Promise<Suggestion[]> {
    this.refinement.endPause();
    this.earlier.stop();
    const diverged = this.earlier.hasDiverged(new TypedSince(request));
    const isWanted = () => !signal.aborted;
    const plan = await this.planner.plan(request, this.settings(), { purpose: 'requested', diverged, isWanted });
    if (!plan || !('prompt' in plan)) return [];
    const { engine, checkpoint, now } = this.parts;
    return alternativesTo(first, plan, { engine, tokenizer: checkpoint.tokenizer, now }, signal);
  }

  /**
   * The document changed. A decode that the change diverges from stops at once, because the next request comes only after
   * the editor's own delay.
   */
  edited(document: string, inserted: string, removedChars: number): void {
    this.refinement.edited(document);
    const { inFlight } = this.earlier;
    if (inFlight?.plan.request.document !== document) return;
    if (!inFlight.survives(inserted, removedChars)) this.earlier.stop();
  }

  /** Another backend has taken over: its cache is empty, and a decode that moved with it took the time of two backends. */
  backendChanged(): void {
    this.planner.wasRead([]);
    if (this.earlier.inFlight) this.earlier.inFlight.hasMoved = true;
  }

  /** Forget what was generated under other settings or by another model. */
  reset(): void {
    this.refinement.endPause();
    this.planner.wasRead([]);
    this.earlier.clear();
  }

  private settings(): RequestSettings {
    return requestSettings(this.parts.settings(), this.parts.eagerness());
  }

  private learn({ generation: { cursorContext, submodel }, characters }: Accepted): void {
    const { history, costs } = this.parts;
    history.agreed(cursorContext, characters, quality(costs.named(submodel)));
  }

  /** Wait for a decode under way that the typed text agrees with; undefined if it diverged from that in the end. */
  private async join(
    { ended: decode, purpose }: InFlightCompletion,
    since: TypedSince,
    settings: RequestSettings,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    const ended = await Promise.race([decode, aborted(signal)]);
    if (!ended) return superseded('cancelled; its decode goes on');
    if (ended.kind === 'generated' && isSuggesting(ended.generation) && purpose === 'speculative') {
      this.earlier.show(ended.generation, ended.generation.position, settings.key, { isNew: true });
    }
    const ghostText = this.earlier.currentGhostText(since, settings.key);
    return ghostText && this.show(ghostText, 'typed along with a decode under way');
  }

  /** The first request that shows a generation reports its work; the others reuse it. */
  private show({ generation, suggestion }: Remaining, reason: string): Outcome {
    const work = this.earlier.takeWork(generation);
    return work
      ? { kind: 'shown', suggestion, work }
      : { kind: 'reused', suggestion, submodel: generation.submodel, reason };
  }

  /** A request by hand that has nothing to show keeps the suggestion that is on the screen. */
  private keepGhostText(
    request: CompletionRequest,
    since: TypedSince,
    settings: RequestSettings,
    outcome: Outcome,
  ): Outcome {
    const ghostText = request.explicit ? this.earlier.currentGhostText(since, settings.key) : undefined;
    if (!ghostText || !('work' in outcome)) return outcome;
    const { submodel } = ghostText.generation;
    const reason = `${outcome.work.submodel} has nothing to add, so the suggestion by ${submodel} stays`;
    return { kind: 'kept', suggestion: ghostText.suggestion, submodel, reason, work: outcome.work };
  }
}

function declined({ reason, considered }: Declined): Outcome {
  return { kind: 'declined', reason, ...(considered && { considered: considered.name }) };
}

function superseded(reason: string): Outcome {
  return { kind: 'superseded', reason };
}

/** Whether it is aborted by now: the type checker takes a property that it has seen once for settled. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Resolves to undefined when the signal aborts. */
function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve(undefined);
        },
        { once: true },
      );
  });
}
