import type { Engine } from '../engine/engine';
import type { CodePlace } from '../governor/place';
import type { GovernorSettings } from '../governor/settings';
import { quality } from '../governor/value';
import { confidentHead, type Eagerness } from './confidence';
import { decode, type Decoded } from './decode';
import { fateOf } from './fate';
import { Flight } from './flight';
import { gate } from './gate';
import { Memory } from './memory';
import type { Outcome, Suggestion, Work } from './outcome';
import { type Plan, Planner, type PlannerParts, type Terms, termsKey } from './plan';
import type { CompletionRequest } from './request';
import { type Remembered, typedAlong } from './reuse';
import { Trace } from './trace';

export interface PipelineParts extends PlannerParts {
  readonly engine: Engine;
  /** What the user decided; asked at every request. */
  readonly settings: () => GovernorSettings;
  readonly eagerness: () => Eagerness;
  /** Resolves after so long by the clock, or at once when the signal aborts. */
  readonly wait: (delayMs: number, signal: AbortSignal) => Promise<void>;
}

const REMEMBERED_SUGGESTIONS = 200;
/** Alternatives beside the first, decodes that may be tried for them, and how long all may take. */
const MAX_ALTERNATIVES = 2;
const MAX_TRIES = 4;
const ALTERNATIVES_MS = 300;

/** The last suggestion. */
interface Last extends Remembered {
  /** The key of the terms that it was made under. */
  readonly terms: string;
  /** The name of the submodel that wrote it. */
  readonly submodel: string;
  /** What it took, until a request has shown it: the one that began the decode may have been cancelled. */
  unreported: Work | undefined;
}

/** A suggestion that was made, until it is known what became of it. */
interface Made extends Remembered {
  readonly place: CodePlace;
  readonly quality: number;
}

/** From a cursor to a suggestion. */
export class Pipeline {
  private readonly memory = new Memory(REMEMBERED_SUGGESTIONS);
  private readonly planner: Planner;
  private last: Last | undefined;
  private made: Made | undefined;
  private flight: Flight | undefined;

  constructor(private readonly parts: PipelineParts) {
    this.planner = new Planner(parts);
  }

  /**
   * @param signal aborted when the editor no longer wants the answer; the work may go on for the next request
   * @param trace is told how long each stage takes
   */
  async complete(request: CompletionRequest, signal: AbortSignal, trace = new Trace(this.parts.now)): Promise<Outcome> {
    const gated = gate(request);
    trace.end('gate');
    if (gated !== undefined) return { kind: 'gated', reason: gated };

    this.learn(request);
    const terms = this.terms();
    const along = this.last?.terms === termsKey(terms) ? typedAlong(this.last, request) : undefined;
    trace.end('reuse');
    if (along && this.last) return this.reuse(this.last, along, 'typed as suggested');

    const joined = await this.join(request, termsKey(terms), signal);
    trace.end('join');
    if (joined) return joined;
    if (signal.aborted) return { kind: 'superseded', reason: 'cancelled before it began' };

    const plan = await this.planner.plan(request, terms, () => !signal.aborted, trace);
    if (!plan) return { kind: 'superseded', reason: 'cancelled before it began' };
    this.planner.settle(plan);
    if (!('prompt' in plan)) return { kind: 'gated', reason: plan.decision.reason };
    const cached = this.remembered(plan);
    trace.end('cache');
    if (cached) {
      const last = this.remember(plan, cached);
      if (plan.decision.speculateNext) void this.lookAhead(plan, cached);
      return this.reuse(last, cached, 'cached');
    }
    if (plan.decision.delayMs > 0) {
      await this.parts.wait(plan.decision.delayMs, signal);
      trace.end('wait');
    }
    if (isAborted(signal)) return { kind: 'superseded', reason: 'cancelled while it waited for typing to go on' };
    const outcome = await Promise.race([this.start(plan, false, trace).outcome, aborted(signal)]);
    if (outcome === undefined) return { kind: 'superseded', reason: 'cancelled; its decode goes on' };
    if (outcome.kind === 'shown') {
      if (this.last) this.last.unreported = undefined;
      if (plan.decision.speculateNext) void this.lookAhead(plan, outcome.suggestion);
    }
    return outcome;
  }

  /**
   * Others than the first suggestion, for whoever asked by hand and wants to choose: what follows from other first
   * tokens, at most two, distinct as they are shown.
   */
  async alternatives(request: CompletionRequest, first: Suggestion, signal: AbortSignal): Promise<Suggestion[]> {
    const { engine, checkpoint, now } = this.parts;
    const { tokenizer } = checkpoint;
    const startedMs = now();
    this.stopFlight();
    const plan = await this.planner.plan(request, this.terms(), () => !signal.aborted);
    if (!plan || !('prompt' in plan)) return [];
    const { prompt, decision, trim } = plan;
    const found: Suggestion[] = [];
    const tried: number[] = [];
    for (let i = 0; i < MAX_TRIES && found.length < MAX_ALTERNATIVES; i++) {
      const decoded = await decode(engine, tokenizer, prompt, decision, trim, signal, 0, undefined, [...tried]);
      const [token] = decoded.tokens;
      if (decoded.aborted || token === undefined) break;
      tried.push(token);
      const { suggestion } = trim(decoded.pieces.map((piece) => piece.text).join(''), false);
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
    const { flight } = this;
    if (flight?.plan.request.document !== document) return;
    if (!flight.survives(inserted, removedChars)) this.stopFlight();
  }

  /** Forget what other settings or another model have suggested. */
  reset(): void {
    this.stopFlight();
    this.last = undefined;
    this.planner.wasRead([]);
    this.memory.clear();
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
      this.parts.history.agreed(this.made.place, fate.characters, this.made.quality);
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
    if (flight.isAhead && outcome.kind === 'shown') this.remember(flight.plan, outcome.suggestion, outcome.work);
    const { last } = this;
    const along = last && typedAlong(last, request);
    return along && this.reuse(last, along, 'typed along with a decode under way');
  }

  /** What is left of an earlier suggestion. The first request that shows a decode's suggestion reports its work. */
  private reuse(last: Last, suggestion: Suggestion, reason: string): Outcome {
    const work = last.unreported;
    if (!work) return { kind: 'reused', suggestion, submodel: last.submodel, reason };
    last.unreported = undefined;
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
    if (plan && 'prompt' in plan && !this.remembered(plan)) this.start(plan, true, new Trace(this.parts.now));
  }

  private isBusy(): boolean {
    return this.flight !== undefined;
  }

  private stopFlight(): void {
    this.flight?.stop();
    this.flight = undefined;
  }

  private start(plan: Plan, isAhead: boolean, trace: Trace): Flight {
    const { engine, checkpoint } = this.parts;
    const parts = {
      engine,
      tokenizer: checkpoint.tokenizer,
      onRead: () => {
        this.planner.wasRead(plan.prompt.tokens);
      },
      finish: (decoded: Decoded) => {
        if (this.flight === flight) this.flight = undefined;
        return this.finish(plan, isAhead, decoded, trace);
      },
    };
    const flight = new Flight(parts, plan, isAhead, trace);
    return (this.flight = flight);
  }

  private finish(plan: Plan, isAhead: boolean, decoded: Decoded, trace: Trace): Outcome {
    const { request, decision } = plan;
    if (decoded.fault !== undefined) {
      this.planner.wasRead([]);
      return { kind: 'failed', reason: decoded.fault };
    }
    if (decoded.aborted) return { kind: 'superseded', reason: 'what was typed diverged from it' };
    const { prefilledTokens, prefillMs, decodedTokens, decodeMs } = decoded;
    this.parts.costs.observe(decision.submodel, prefilledTokens, prefillMs, decodedTokens, decodeMs);
    const work: Work = {
      submodel: decision.submodel.name,
      reason: decision.reason,
      promptTokens: plan.prompt.tokens.length,
      prefilledTokens,
      decodedTokens,
      prefillMs,
      decodeMs,
      latencyMs: this.parts.now() - plan.startedMs,
    };
    if (!isAhead) this.parts.history.answered(plan.place, decodedTokens);
    const weights = this.parts.checkpoint.calibration?.submodels[decision.submodel.fittedAs];
    const sure = confidentHead(decoded.pieces, plan.cursor, weights, plan.minScore);
    const { suggestion, emptiedBy } = plan.trim(sure, false);
    trace.end('trim');
    if (!suggestion) {
      const unsure = sure.trim() === '' && decoded.pieces.length > 0;
      const nothing = emptiedBy ? `nothing passed the filter ${emptiedBy}` : 'nothing to add';
      return { kind: 'empty', reason: unsure ? 'the model was not sure' : nothing, work };
    }
    const { document, prefix, suffix } = request;
    const { multiline } = decision;
    this.memory.add({ document, prefix, suffix, suggestion, submodel: plan.author, multiline });
    if (!isAhead) {
      this.remember(plan, suggestion, work);
      const candidate = this.parts.costs.named(decision.submodel.name);
      this.made = { document, prefix, suffix, suggestion, place: plan.place, quality: quality(candidate) };
    }
    return { kind: 'shown', suggestion, work };
  }

  /** What was made for such a plan before. */
  private remembered({ request, author, decision }: Plan): Suggestion | undefined {
    return this.memory.find(request, author, decision.multiline);
  }

  private remember({ request, terms, decision }: Plan, suggestion: Suggestion, unreported?: Work): Last {
    const { document, prefix, suffix } = request;
    const { name: submodel } = decision.submodel;
    return (this.last = { document, prefix, suffix, suggestion, terms: termsKey(terms), submodel, unreported });
  }
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
