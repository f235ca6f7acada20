import type { Engine } from '../engine/engine';
import { CountedEngine } from './decode/countedEngine';
import { WatchedEngine } from './decode/watchedEngine';
import { DutyCycle } from '../governor/dutyCycle';
import type { GovernorSettings } from '../governor/settings';
import type { Declined } from '../governor/decide';
import { quality } from '../governor/value';
import { aborted, isAborted } from './abort';
import { ALTERNATIVES_MS, alternativesTo } from './alternatives';
import { inBackground, type OnFault } from './background';
import type { Eagerness } from './decode/confidence';
import { gate } from './gate';
import type { Outcome, Suggestion, Work } from './outcome';
import { Planner, type PlannerParts, requestSettings, type RequestSettings } from './plan';
import { PlanRunner, type PlanRunnerParts } from './planRunner';
import { ReadAhead } from './readAhead';
import { refine } from './refine';
import type { CompletionRequest } from './request';
import { Retrigger, type RetriggerParts } from './retrigger';
import { type Accepted, EarlierOutput } from './reuse/earlierOutput';
import { type Generation, isSuggesting, outcomeOf } from './reuse/generation';
import type { InFlightCompletion } from './reuse/inFlight';
import type { Remaining } from './reuse/remaining';
import { TypedSince } from './reuse/typedSince';
import { speculate } from './speculate';
import type { Stages } from './stages';
import { Trace } from './trace';

export interface PipelineParts extends PlannerParts, PlanRunnerParts {
  readonly engine: Engine;
  /** The user's settings. They are read for every request. */
  readonly settings: () => GovernorSettings;
  readonly eagerness: () => Eagerness;
  readonly wait: Stages['wait'];
  readonly onRested?: RetriggerParts['onRested'];
  /** Work that no request waits for has failed, such as a refinement. */
  readonly onFault: OnFault;
}

/** Answers requests for completions. `answer` handles one request from top to bottom. */
export class Pipeline {
  private readonly dutyCycle = new DutyCycle();
  private readonly engine: WatchedEngine;
  private readonly earlier = new EarlierOutput();
  private readonly planner: Planner;
  private readonly stages: Stages;
  private readonly readAhead: ReadAhead;
  private readonly retrigger: Retrigger;

  constructor(private readonly parts: PipelineParts) {
    const { earlier, dutyCycle } = this;
    const { wait, onRested = () => undefined } = parts;
    const planner = (this.planner = new Planner(parts, dutyCycle));
    this.engine = new WatchedEngine(new CountedEngine(parts.engine, dutyCycle, parts.now), planner);
    const runner = new PlanRunner({ ...parts, engine: this.engine }, earlier);
    this.stages = { earlier, planner, runner, settings: () => this.settings(), wait };
    this.readAhead = new ReadAhead({ engine: this.engine, costs: parts.costs, planner, onFault: parts.onFault });
    this.retrigger = new Retrigger({ wait, onRested });
  }

  /** Share of the duty cycle's window in which the engine worked, 0 to 1. */
  get engineShare(): number {
    return this.dutyCycle.share(this.parts.now());
  }

  /**
   * @param signal aborted when the editor no longer wants the answer; the decode may continue for the next request
   * @param trace records the duration of each stage
   */
  async complete(request: CompletionRequest, signal: AbortSignal, trace = new Trace(this.parts.now)): Promise<Outcome> {
    this.retrigger.cancel();
    const outcome = await this.answer(request, signal, trace);
    if ('suggestion' in outcome && !signal.aborted) {
      this.inBackground(refine(this.stages, request, this.earlier.pause));
    }
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
    if (ghostText) return shown(ghostText, 'typed as suggested');

    const joined = joinable && (await this.join(joinable, since, settings, signal));
    trace.end('join');
    if (joined) return joined;
    if (signal.aborted) return superseded(CANCELLED_BEFORE_DECODE);

    const plan = await this.planner.plan(request, settings, {
      purpose: 'requested',
      diverged: this.earlier.hasDiverged(since),
      isWanted: () => !signal.aborted,
      trace,
    });
    if (!plan) return superseded(CANCELLED_BEFORE_DECODE);
    if (!('prompt' in plan)) {
      if (plan.unread) this.readAhead.begin(plan.unread);
      if (plan.considered) this.inBackground(this.retrigger.declined(request));
      return declined(plan);
    }

    const cached = this.earlier.cached(since, plan);
    trace.end('cache');
    if (cached) {
      this.earlier.show(cached.generation, request, settings.key);
      if (plan.decision.speculateNext) this.inBackground(speculate(this.stages, plan, cached.suggestion));
      return shown(cached, 'cached');
    }
    if (this.earlier.isKnownUnsure(since, plan, this.parts.checkpoint.calibration?.weights)) {
      const { name: submodel } = plan.decision.submodel;
      return { kind: 'unsure', reason: 'a low-confidence prediction here was already rejected', submodel };
    }

    if (plan.decision.delayMs > 0) {
      await this.parts.wait(plan.decision.delayMs, signal);
      trace.end('wait');
    }
    if (isAborted(signal)) return superseded('cancelled during the delay before its decode');
    this.readAhead.stop();
    const ended = await Promise.race([this.stages.runner.start(plan, 'requested', trace).ended, aborted(signal)]);
    if (!ended) return superseded(CANCELLED_WHILE_DECODING);
    if (ended.kind !== 'generated') return ended;

    const onScreen = this.earlier.currentGhostText(since, settings.key);
    if (!isSuggesting(ended.generation)) return emptyOrKept(ended.generation, onScreen);
    if (plan.decision.speculateNext) {
      this.inBackground(speculate(this.stages, plan, ended.generation.suggestion));
    }
    return outcomeOf(ended.generation);
  }

  /**
   * At most two alternatives to the first suggestion. The user can choose one after asking by hand.
   * @param tookMs by the first suggestion: the alternatives have the rest of their time, and none are tried if none is left
   */
  async alternatives(
    request: CompletionRequest,
    first: Suggestion,
    signal: AbortSignal,
    tookMs: number,
  ): Promise<Suggestion[]> {
    if (tookMs >= ALTERNATIVES_MS) return [];
    const done = new AbortController();
    const late = new AbortController();
    const timer = this.parts.wait(ALTERNATIVES_MS - tookMs, done.signal).then(() => {
      late.abort('the first suggestion waits no longer for alternatives');
    });
    this.inBackground(timer);
    try {
      return await this.alternativesUntil(request, first, AbortSignal.any([signal, late.signal]));
    } finally {
      done.abort('the alternatives are ready');
    }
  }

  private async alternativesUntil(
    request: CompletionRequest,
    first: Suggestion,
    signal: AbortSignal,
  ): Promise<Suggestion[]> {
    this.readAhead.stop();
    this.earlier.interrupt();
    const diverged = this.earlier.hasDiverged(new TypedSince(request));
    const isWanted = () => !signal.aborted;
    const plan = await this.planner.plan(request, this.settings(), { purpose: 'requested', diverged, isWanted });
    if (!plan || !('prompt' in plan)) return [];
    const { engine } = this;
    return alternativesTo(first, plan, { engine, tokenizer: this.parts.checkpoint.tokenizer }, signal);
  }

  /**
   * The document changed. A decode that the change diverges from stops at once, because the next request comes only after
   * the editor's own delay.
   */
  edited(document: string, inserted: string, removedChars: number): void {
    this.retrigger.edited(document);
    this.earlier.edited(document, inserted, removedChars);
  }

  /** Another backend has taken over. Its cache is empty, and the time of a decode that moved is that of two backends. */
  backendChanged(): void {
    this.planner.wasRead([]);
    if (this.earlier.inFlight) this.earlier.inFlight.hasMoved = true;
  }

  /** Forget what was generated under other settings, by another model, or with texts that may no longer be shown. */
  reset(): void {
    this.retrigger.cancel();
    this.readAhead.stop();
    this.planner.wasRead([]);
    this.earlier.clear();
  }

  private inBackground(work: Promise<void>): void {
    inBackground(work, this.parts.onFault);
  }

  private settings(): RequestSettings {
    return requestSettings(this.parts.settings(), this.parts.eagerness());
  }

  private learn({ generation: { cursorContext, submodel }, characters }: Accepted): void {
    const { history, costs } = this.parts;
    history.agreed(cursorContext, characters, quality(costs.named(submodel)));
  }

  /** Wait for a running decode that the typed text agrees with; undefined if the result diverges from that text. */
  private async join(
    inFlight: InFlightCompletion,
    since: TypedSince,
    settings: RequestSettings,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    const ended = await Promise.race([inFlight.ended, aborted(signal)]);
    if (!ended) return superseded(CANCELLED_WHILE_DECODING);
    if (ended.kind === 'generated' && isSuggesting(ended.generation) && inFlight.purpose === 'speculative') {
      this.earlier.show(ended.generation, ended.generation.position, settings.key, { isNew: true });
    }
    const ghostText = this.earlier.currentGhostText(since, settings.key);
    return ghostText && shown(ghostText, 'the typed text agrees with a decode that was running');
  }
}

const CANCELLED_BEFORE_DECODE = 'cancelled before its decode began';
const CANCELLED_WHILE_DECODING = 'cancelled, but its decode continues';

/** The first request that shows a generation reports its work. Later ones count as reuse. */
function shown(
  { generation, suggestion, work }: Remaining & { readonly work?: Work | undefined },
  reason: string,
): Outcome {
  return work
    ? { kind: 'shown', suggestion, work }
    : { kind: 'reused', suggestion, submodel: generation.submodel, reason };
}

/** If a request by hand has nothing to show, the suggestion on the screen stays. */
function emptyOrKept(generation: Generation, onScreen: Remaining | undefined): Outcome {
  if (!onScreen) return outcomeOf(generation);
  const { suggestion } = onScreen;
  const { submodel } = onScreen.generation;
  const reason = `${generation.submodel} has nothing to add, so the suggestion by ${submodel} stays`;
  return { kind: 'kept', suggestion, submodel, reason, work: generation.work };
}

function declined({ reason, considered }: Declined): Outcome {
  return { kind: 'declined', reason, ...(considered && { considered: considered.name }) };
}

function superseded(reason: string): Outcome {
  return { kind: 'superseded', reason };
}
