import type { Engine } from '../engine/engine';
import { CountedEngine } from './decode/countedEngine';
import { DutyCycle } from '../governor/dutyCycle';
import type { GovernorSettings } from '../governor/settings';
import { TYPING_GAP_MS } from '../governor/typing';
import { quality } from '../governor/value';
import { confidentHead, type Eagerness, textOf } from './decode/confidence';
import { decode, type Decoded } from './decode/decode';
import { type Doubt, isStillInDoubt } from './reuse/doubt';
import { fateOf } from './reuse/fate';
import { Flight, type Purpose } from './reuse/flight';
import { gate } from './gate';
import { Memory } from './reuse/memory';
import type { Outcome, Suggestion, Work } from './outcome';
import { type Plan, Planner, type PlannerParts, type Terms, termsKey } from './plan';
import type { CompletionRequest } from './request';
import { type Left, Screen, type Standing } from './reuse/screen';
import { Trace } from './trace';

export interface PipelineParts extends PlannerParts {
  readonly engine: Engine;
  /** What the user decided; asked at every request. */
  readonly settings: () => GovernorSettings;
  readonly eagerness: () => Eagerness;
  /** A decode has ended, by itself or because it was stopped. */
  readonly onDecoded?: (work: Work, purpose: Purpose) => void;
  /** Resolves after so long by the clock, or at once when the signal aborts. */
  readonly wait: (delayMs: number, signal: AbortSignal) => Promise<void>;
}

const REMEMBERED_SUGGESTIONS = 50;
/** Given as a string: without a reason every abort makes an error with its stack, which takes longer than the abort. */
const TYPING_GOES_ON = 'typing goes on';
/** Alternatives beside the first, decodes that may be tried for them, and how long all may take. */
const MAX_ALTERNATIVES = 2;
const MAX_TRIES = 4;
const ALTERNATIVES_MS = 300;

/** From a cursor to a suggestion. */
export class Pipeline {
  private readonly memory = new Memory(REMEMBERED_SUGGESTIONS);
  private readonly dutyCycle = new DutyCycle();
  private readonly engine: Engine;
  private readonly planner: Planner;
  private readonly screen = new Screen();
  /** The suggestion that was made last, until it is known what became of it. */
  private made: Standing | undefined;
  private flight: Flight | undefined;
  /** The decode that was asked for last, where nothing of it was sure enough. */
  private doubt: Doubt | undefined;
  /** Aborted when the user goes on. */
  private pause = new AbortController();
  /** The document in which the user pauses: others, such as logs, change meanwhile. */
  private pausedIn: string | undefined;

  constructor(private readonly parts: PipelineParts) {
    const { engine, now } = parts;
    this.engine = new CountedEngine(engine, this.dutyCycle, now);
    this.planner = new Planner(parts, this.dutyCycle);
  }

  /** Share of a core that the engine took in the duty cycle's window, 0 to 1. */
  get engineShare(): number {
    return this.dutyCycle.share(this.parts.now());
  }

  /**
   * @param signal aborted when the editor no longer wants the answer; the work may go on for the next request
   * @param trace is told how long each stage takes
   */
  async complete(request: CompletionRequest, signal: AbortSignal, trace = new Trace(this.parts.now)): Promise<Outcome> {
    this.endPause(request);
    const outcome = await this.answer(request, signal, trace);
    if ('suggestion' in outcome && !signal.aborted) void this.refine(request, submodelOf(outcome));
    return outcome;
  }

  private async answer(request: CompletionRequest, signal: AbortSignal, trace: Trace): Promise<Outcome> {
    const gated = gate(request);
    trace.end('gate');
    if (gated !== undefined) return { kind: 'gated', ...gated };

    this.learn(request);
    const terms = this.terms();
    const left = this.left(request, termsKey(terms));
    trace.end('reuse');
    if (left) return this.reuse(left, 'typed as suggested');

    const joined = await this.join(request, termsKey(terms), signal);
    trace.end('join');
    if (joined) return joined;
    if (signal.aborted) return { kind: 'superseded', reason: 'cancelled before it began' };

    const plan = await this.planner.plan(request, terms, () => !signal.aborted, { trace });
    if (!plan) return { kind: 'superseded', reason: 'cancelled before it began' };
    this.planner.settle(plan);
    if (!('prompt' in plan)) {
      const { reason, considered } = plan.decision;
      return { kind: 'declined', reason, ...(considered && { considered: considered.name }) };
    }
    const cached = this.remembered(plan);
    trace.end('cache');
    if (cached) {
      const from = this.show(plan, cached);
      if (plan.decision.speculateNext) void this.lookAhead(plan, cached);
      return this.reuse({ from, suggestion: cached }, 'cached');
    }
    if (this.doubt && isStillInDoubt(this.doubt, plan, this.weights))
      return {
        kind: 'unsure',
        reason: 'a low-confidence prediction here was already rejected',
        submodel: plan.decision.submodel.name,
      };
    if (plan.decision.delayMs > 0) {
      await this.parts.wait(plan.decision.delayMs, signal);
      trace.end('wait');
    }
    if (isAborted(signal)) return { kind: 'superseded', reason: 'cancelled while it waited for typing to go on' };
    const outcome = await Promise.race([this.start(plan, 'asked', trace).outcome, aborted(signal)]);
    if (outcome === undefined) return { kind: 'superseded', reason: 'cancelled; its decode goes on' };
    if (outcome.kind === 'shown') {
      if (this.made) this.made.unreported = undefined;
      if (plan.decision.speculateNext) void this.lookAhead(plan, outcome.suggestion);
    }
    return outcome;
  }

  /**
   * Others than the first suggestion, for whoever asked by hand and wants to choose: what follows from other first
   * tokens, at most two, distinct as they are shown.
   */
  async alternatives(request: CompletionRequest, first: Suggestion, signal: AbortSignal): Promise<Suggestion[]> {
    const { engine } = this;
    const { checkpoint, now } = this.parts;
    const { tokenizer } = checkpoint;
    const startedMs = now();
    this.pause.abort(TYPING_GOES_ON);
    this.stopFlight();
    const plan = await this.planner.plan(request, this.terms(), () => !signal.aborted);
    if (!plan || !('prompt' in plan)) return [];
    const { prompt, decision, trim } = plan;
    const found: Suggestion[] = [];
    const tried: number[] = [];
    for (let i = 0; i < MAX_TRIES && found.length < MAX_ALTERNATIVES; i++) {
      const decoded = await decode(engine, tokenizer, prompt, decision, trim, signal, {
        bannedFirstTokens: [...tried],
      });
      const [token] = decoded.tokens;
      if (decoded.aborted || token === undefined) break;
      tried.push(token);
      const { suggestion } = trim(textOf(decoded.pieces), false);
      const isNew = suggestion && [first, ...found].every(({ text }) => text !== suggestion.text);
      if (isNew) found.push(suggestion);
      if (now() - startedMs > ALTERNATIVES_MS) break;
    }
    return found;
  }

  /**
   * The document changed: a decode that the change disagrees with stops at once, where the next request comes only after
   * the editor's own delay.
   */
  edited(document: string, inserted: string, removedChars: number): void {
    if (document === this.pausedIn) this.pause.abort(TYPING_GOES_ON);
    const { flight } = this;
    if (flight?.plan.request.document !== document) return;
    if (!flight.survives(inserted, removedChars)) this.stopFlight();
  }

  /** Another backend has taken over: its cache holds nothing yet, and what moved with it took two backends' time. */
  backendChanged(): void {
    this.planner.wasRead([]);
    if (this.flight) this.flight.hasMoved = true;
  }

  /** Forget what other settings or another model have suggested. */
  reset(): void {
    this.pause.abort(TYPING_GOES_ON);
    this.stopFlight();
    this.screen.clear();
    this.planner.wasRead([]);
    this.memory.clear();
    this.doubt = undefined;
  }

  private terms(): Terms {
    return { settings: this.parts.settings(), eagerness: this.parts.eagerness() };
  }

  /** What became of the suggestion before, now that the text has changed. */
  private learn(now: CompletionRequest): void {
    if (!this.made) return;
    const fate = fateOf(this.made, now);
    if (fate.kind === 'open') return;
    if (fate.kind === 'settled' && fate.characters > 0) {
      const { cursorContext, submodel } = this.made;
      this.parts.history.agreed(cursorContext, fate.characters, quality(this.parts.costs.named(submodel)));
    }
    this.made = undefined;
  }

  /** Wait for a decode that is under way where what was typed since agrees with it; stop it where not. */
  private async join(request: CompletionRequest, terms: string, signal: AbortSignal): Promise<Outcome | undefined> {
    const { flight } = this;
    if (!flight) return undefined;
    if (termsKey(flight.plan.terms) !== terms || !flight.serves(request)) {
      this.stopFlight();
      return undefined;
    }
    const outcome = await Promise.race([flight.outcome, aborted(signal)]);
    if (outcome === undefined) return { kind: 'superseded', reason: 'cancelled; its decode goes on' };
    if (flight.purpose === 'ahead' && outcome.kind === 'shown')
      this.show(flight.plan, outcome.suggestion, outcome.work);
    const left = this.left(request, terms);
    return left && this.reuse(left, 'typed along with a decode under way');
  }

  /** What is left of the suggestion on the screen, or of a larger submodel's that takes its place now. */
  private left(request: CompletionRequest, terms: string): Left | undefined {
    const before = this.screen.shown;
    const left = this.screen.leftAt(request, terms);
    // What becomes of it is to the credit of the one who wrote it.
    if (left && left.from !== before) this.made = left.from;
    return left;
  }

  /** What is left of an earlier suggestion. The first request that shows a decode's suggestion reports its work. */
  private reuse({ from, suggestion }: Left, reason: string): Outcome {
    const work = from.unreported;
    if (!work) return { kind: 'reused', suggestion, submodel: from.submodel, reason };
    from.unreported = undefined;
    return { kind: 'shown', suggestion, work };
  }

  /** Decode what would follow if the suggestion were accepted. */
  private async lookAhead({ request, terms }: Plan, { text, replaces }: Suggestion): Promise<void> {
    if (this.isBusy()) return;
    const next = {
      ...request,
      prefix: request.prefix + text,
      suffix: request.suffix.slice(replaces),
      lineSuffix: request.lineSuffix.slice(replaces),
      explicit: false,
    };
    if (gate(next) !== undefined) return;
    const plan = await this.planner.plan(next, terms, () => !this.isBusy());
    if (plan && 'prompt' in plan && !this.remembered(plan)) this.start(plan, 'ahead', new Trace(this.parts.now));
  }

  /** In a pause over a suggestion, have a larger submodel write it too where that is worth it: for what is shown next. */
  private async refine(request: CompletionRequest, shown: string): Promise<void> {
    this.pause.abort(TYPING_GOES_ON);
    const { signal } = (this.pause = new AbortController());
    this.pausedIn = request.document;
    await this.parts.wait(TYPING_GAP_MS, signal);
    await this.flight?.outcome;
    const isWanted = () => !signal.aborted && !this.isBusy();
    if (!isWanted()) return;
    const plan = await this.planner.plan({ ...request, explicit: false }, this.terms(), isWanted, { shown });
    if (!plan || !('prompt' in plan)) return;
    const known = this.remembered(plan);
    if (known) this.screen.improve(standing(plan, known));
    else this.start(plan, 'better', new Trace(this.parts.now));
  }

  /** The user goes on: what was begun in the pause stops, unless it has written already what was typed. */
  private endPause(request: CompletionRequest): void {
    this.pause.abort(TYPING_GOES_ON);
    if (this.flight?.purpose === 'better' && !this.flight.serves(request)) this.stopFlight();
  }

  private isBusy(): boolean {
    return this.flight !== undefined;
  }

  private stopFlight(): void {
    this.flight?.stop();
    this.flight = undefined;
  }

  private start(plan: Plan, purpose: Purpose, trace: Trace): Flight {
    const { checkpoint } = this.parts;
    const parts = {
      engine: this.engine,
      tokenizer: checkpoint.tokenizer,
      weights: this.weights,
      onRead: () => {
        this.planner.wasRead(plan.prompt.tokens);
      },
      finish: (decoded: Decoded) => {
        if (this.flight === flight) this.flight = undefined;
        return this.finish(flight, decoded, trace);
      },
    };
    const flight: Flight = new Flight(parts, plan, purpose, trace);
    return (this.flight = flight);
  }

  private finish({ plan, purpose, hasMoved }: Flight, decoded: Decoded, trace: Trace): Outcome {
    const { request, decision } = plan;
    if (decoded.fault !== undefined) {
      this.planner.wasRead([]);
      return { kind: 'failed', reason: decoded.fault };
    }
    const { prefilledTokens, prefillMs, decodedTokens, passes, decodeMs } = decoded;
    const work: Work = {
      submodel: decision.submodel.name,
      reason: decision.reason,
      promptTokens: plan.prompt.tokens.length,
      prefilledTokens,
      decodedTokens,
      passes,
      prefillMs,
      decodeMs,
      latencyMs: this.parts.now() - plan.startedMs,
    };
    this.parts.onDecoded?.(work, purpose);
    if (decoded.aborted) return { kind: 'superseded', reason: 'what was typed diverged from it' };
    if (!hasMoved) this.parts.costs.observe(decision.submodel, prefilledTokens, prefillMs, passes, decodeMs);
    if (purpose === 'asked') {
      this.parts.history.answered(plan.cursorContext, passes);
      this.planner.wasWritten(request, textOf(decoded.pieces));
    }
    const sure = confidentHead(decoded.pieces, plan.cursor, this.weights, plan.minScore);
    const { suggestion, emptiedBy } = plan.trim(sure, false);
    trace.end('trim');
    const unsure = sure.trim() === '' && decoded.pieces.length > 0;
    if (purpose === 'asked') this.doubt = unsure ? { plan, pieces: decoded.pieces } : undefined;
    if (!suggestion) {
      const nothing = emptiedBy ? `nothing passed the filter ${emptiedBy}` : 'nothing to add';
      if (unsure) return { kind: 'unsure', reason: 'the model was not sure', submodel: work.submodel, work };
      return { kind: 'empty', reason: nothing, work };
    }
    const { document, prefix, suffix } = request;
    const { multiline } = decision;
    this.memory.add({ document, prefix, suffix, suggestion, submodel: plan.author, multiline });
    if (purpose === 'asked') this.made = this.show(plan, suggestion, work);
    if (purpose === 'better') this.screen.improve(standing(plan, suggestion));
    return { kind: 'shown', suggestion, work };
  }

  /** Of the score. */
  private get weights(): readonly number[] | undefined {
    return this.parts.checkpoint.calibration?.weights;
  }

  /** What was made for such a plan before. */
  private remembered({ request, author, decision }: Plan): Suggestion | undefined {
    return this.memory.find(request, author, decision.multiline);
  }

  private show(plan: Plan, suggestion: Suggestion, work?: Work): Standing {
    const shown = standing(plan, suggestion, work);
    this.screen.show(shown);
    return shown;
  }
}

function standing(
  { request: { document, prefix, suffix }, terms, decision, cursorContext }: Plan,
  suggestion: Suggestion,
  unreported?: Work,
): Standing {
  return {
    document,
    prefix,
    suffix,
    suggestion,
    terms: termsKey(terms),
    submodel: decision.submodel.name,
    cursorContext,
    unreported,
  };
}

function submodelOf(outcome: Extract<Outcome, { suggestion: Suggestion }>): string {
  return outcome.kind === 'shown' ? outcome.work.submodel : outcome.submodel;
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
