import { CountedEngine } from './decode/countedEngine';
import { DutyCycle } from '../governor/dutyCycle';
import type { GovernorSettings } from '../governor/settings';
import type { Declined } from '../governor/decide';
import { quality } from '../governor/value';
import { type Phrase, phrase } from '../localisation/phrase';
import { aborted, isAborted } from './abort';
import { ALTERNATIVES_MS, alternativesTo } from './alternatives';
import { inBackground, type OnFault } from './background';
import type { Eagerness } from './decode/confidence';
import { gate } from './gate';
import { type ModelInUse, Models, scoreWeightsOf } from './models';
import type { Outcome, Suggestion, Work } from './outcome';
import { Planner, type PlannerParts, requestSettings, type RequestSettings } from './plan';
import { PlanRunner, type PlanRunnerParts } from './planRunner';
import { ReadAhead } from './readAhead';
import { refine, secondOpinion } from './refine';
import type { CompletionRequest } from './request';
import { Retrigger, type RetriggerParts } from './retrigger';
import { EarlierOutput, type Settled } from './reuse/earlierOutput';
import { type Generation, isSuggesting, outcomeOf } from './reuse/generation';
import type { InFlightCompletion } from './reuse/inFlight';
import type { Remaining } from './reuse/remaining';
import { TypedSince } from './reuse/typedSince';
import { speculate } from './speculate';
import type { Stages } from './stages';
import { Trace } from './trace';

/** The model is the main one, which is there as long as the pipeline. */
export interface PipelineParts extends ModelInUse, Omit<PlannerParts, 'models'>, PlanRunnerParts {
  /** The user's settings. They are read for every request. */
  readonly settings: () => GovernorSettings;
  readonly eagerness: () => Eagerness;
  readonly wait: Stages['wait'];
  readonly onRested?: RetriggerParts['onRested'];
  /** Of all pipelines that share an engine; by default of this one alone. */
  readonly dutyCycle?: DutyCycle | undefined;
  /** Work that no request waits for has failed, such as a refinement. */
  readonly onFault: OnFault;
}

/** Answers requests for completions. `answer` handles one request from top to bottom. */
export class Pipeline {
  private readonly dutyCycle: DutyCycle;
  private readonly earlier = new EarlierOutput();
  readonly models: Models;
  private readonly planner: Planner;
  private readonly stages: Stages;
  private readonly readAhead: ReadAhead;
  private readonly retrigger: Retrigger;

  constructor(private readonly parts: PipelineParts) {
    const { earlier } = this;
    const dutyCycle = (this.dutyCycle = parts.dutyCycle ?? new DutyCycle());
    const { wait, onRested = () => undefined } = parts;
    const models = (this.models = new Models(parts, (engine) => new CountedEngine(engine, dutyCycle, parts.now)));
    const planner = (this.planner = new Planner({ ...parts, models }, dutyCycle));
    const runner = new PlanRunner(parts, earlier);
    const readAhead = (this.readAhead = new ReadAhead(parts.onFault));
    const settings = () => this.settings();
    this.stages = { models, earlier, planner, runner, readAhead, askAgain: onRested, settings, wait };
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
    if (signal.aborted) return outcome;
    if ('suggestion' in outcome) {
      this.inBackground(refine(this.stages, request, this.earlier.pause));
    } else if (!request.explicit) {
      const by = submodelOfNothing(outcome);
      if (by !== undefined) this.inBackground(secondOpinion(this.stages, request, by, this.earlier.pause));
    }
    return outcome;
  }

  private async answer(request: CompletionRequest, signal: AbortSignal, trace: Trace): Promise<Outcome> {
    const closed = gate(request);
    trace.end('gate');
    if (closed) return { kind: 'gated', ...closed };

    const settings = this.settings();
    const { since, settled, ghostText, joinable } = this.earlier.at(request, settings.key);
    if (settled) this.learn(settled);
    trace.end('reuse');
    if (ghostText) return shown(ghostText, phrase('typed as suggested'));

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
      return shown(cached, phrase('cached'));
    }
    if (this.earlier.isKnownUnsure(since, plan, scoreWeightsOf(plan.model))) {
      const { name: submodel } = plan.decision.submodel;
      return { kind: 'unsure', reason: phrase('a low-confidence prediction here was already rejected'), submodel };
    }

    if (plan.decision.delayMs > 0) {
      await this.parts.wait(plan.decision.delayMs, signal);
      trace.end('wait');
    }
    if (isAborted(signal)) return superseded(phrase('cancelled during the delay before its decode'));
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
    return alternativesTo(first, plan, signal);
  }

  /**
   * The document changed. A decode that the change diverges from stops at once, because the next request comes only after
   * the editor's own delay.
   */
  edited(document: string, inserted: string, removedChars: number): void {
    this.retrigger.edited(document);
    this.earlier.edited(document, inserted, removedChars);
  }

  /** Completions may come from another model too, until it is dropped. */
  use(model: ModelInUse): void {
    this.models.add(model);
  }

  /** A model is no longer there. What it wrote stays, and is shown while the user types along with it. */
  drop(model: Pick<ModelInUse, 'costs'>): void {
    this.models.remove(model);
  }

  /** Another backend has taken over. Its cache is empty, and the time of a decode that moved is that of two backends. */
  backendChanged(): void {
    for (const { cache } of this.models.all) cache.clear();
    if (this.earlier.inFlight) this.earlier.inFlight.hasMoved = true;
  }

  /** Forget what was generated under other settings, by another model, or with texts that may no longer be shown. */
  reset(): void {
    this.retrigger.cancel();
    this.readAhead.stop();
    for (const { cache } of this.models.all) cache.clear();
    this.earlier.clear();
  }

  private inBackground(work: Promise<void>): void {
    inBackground(work, this.parts.onFault);
  }

  private settings(): RequestSettings {
    return requestSettings(this.parts.settings(), this.parts.eagerness());
  }

  private learn({ generation, characters }: Settled): void {
    const { cursorContext, purpose, submodel, suggestion, score } = generation;
    const { costs, main } = this.models;
    if (score !== undefined) this.models.of(submodel)?.score?.settled(score, characters === suggestion.text.length);
    // What another model added in a pause says nothing about the submodel that had answered the request.
    const isOfAnswer = purpose !== 'refinement' || main.costs.has(submodel);
    // The submodel is unknown if its model is no longer in use.
    if (characters === 0 || !isOfAnswer || !costs.has(submodel)) return;
    this.parts.history.agreed(cursorContext, characters, quality(costs.named(submodel)));
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
    const isAnswer = inFlight.purpose === 'speculative' || !this.earlier.onScreen;
    if (ended.kind === 'generated' && isSuggesting(ended.generation) && isAnswer) {
      this.earlier.show(ended.generation, ended.generation.position, settings.key, { isNew: true });
    }
    const ghostText = this.earlier.currentGhostText(since, settings.key);
    return ghostText && shown(ghostText, phrase('the typed text agrees with a decode that was running'));
  }
}

const CANCELLED_BEFORE_DECODE = phrase('cancelled before its decode began');
const CANCELLED_WHILE_DECODING = phrase('cancelled, but its decode continues');

/** The first request that shows a generation reports its work. Later ones count as reuse. */
function shown(
  { generation, suggestion, work }: Remaining & { readonly work?: Work | undefined },
  reason: Phrase,
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
  const reason = phrase('{0} has nothing to add, so the suggestion by {1} stays', generation.submodel, submodel);
  return { kind: 'kept', suggestion, submodel, reason, work: generation.work };
}

/** The submodel that had nothing to show for a request; undefined if none was asked. */
function submodelOfNothing(outcome: Outcome): string | undefined {
  if (outcome.kind === 'unsure') return outcome.submodel;
  return outcome.kind === 'empty' ? outcome.work.submodel : undefined;
}

function declined({ reason, considered }: Declined): Outcome {
  return { kind: 'declined', reason, ...(considered && { considered: considered.name }) };
}

function superseded(reason: Phrase): Outcome {
  return { kind: 'superseded', reason };
}
