import type { Engine } from '../engine/engine';
import type { CostModel } from '../governor/costs';
import { looksAhead } from '../governor/ahead';
import { type Choice, conditionsOf, decide, type Decision, type Declined, type Situation } from '../governor/decide';
import type { History } from '../governor/history';
import type { Machine } from '../governor/machine';
import { type CodePlace, codePlaceAt } from '../governor/place';
import { type GovernorSettings, settingsKey } from '../governor/settings';
import type { TypingRhythm } from '../governor/typing';
import { quality } from '../governor/value';
import type { Checkpoint } from '../matlm/checkpoint';
import { confidentHead, type Eagerness, EAGERNESS, MIN_PROBABILITY } from './confidence';
import { type Cursor, cursorOf } from './cursor';
import { decode, type Decoded } from './decode';
import { type Trim, trimAt } from './filters';
import { fateOf } from './fate';
import { gate, type GateInput } from './gate';
import { Memory } from './memory';
import type { Outcome, Suggestion, Work } from './outcome';
import { buildPrompt, type Excerpt, type Prompt } from './prompt';
import { type Remembered, typedAlong, typedSince } from './reuse';
import type { Syntax } from './syntax/shape';
import { Trace } from './trace';

/** One place at which a completion is wanted. */
export interface CompletionRequest extends Excerpt, GateInput {
  /** Distinguishes documents: their URI. */
  readonly document: string;
}

export interface PipelineParts {
  readonly engine: Engine;
  readonly checkpoint: Checkpoint;
  readonly costs: CostModel;
  readonly rhythm: TypingRhythm;
  readonly history: History;
  /** One line or a block. */
  readonly syntax: Syntax;
  /** What the user decided; asked at every request. */
  readonly settings: () => GovernorSettings;
  readonly eagerness: () => Eagerness;
  /** The machine as the sensors see it now. */
  readonly machine: () => Machine;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Resolves after so long by that clock, or at once when the signal aborts. */
  readonly wait: (delayMs: number, signal: AbortSignal) => Promise<void>;
}

const REMEMBERED_SUGGESTIONS = 200;
/** Alternatives beside the first, decodes that may be tried for them, and how long all may take. */
const MAX_ALTERNATIVES = 2;
const MAX_TRIES = 4;
const ALTERNATIVES_MS = 300;

/** All that is settled before a decode begins. */
interface Job {
  readonly request: CompletionRequest;
  readonly settings: string;
  readonly prompt: Prompt;
  readonly decision: Decision;
  readonly place: CodePlace;
  readonly cursor: Cursor;
  readonly trim: Trim;
  /** What a suggestion has to score. */
  readonly minScore: number;
  readonly startedMs: number;
  readonly trace: Trace;
  /** Nobody asked for it yet: it follows what is shown, if that is accepted. */
  readonly isAhead: boolean;
}

/** A decode under way. It outlives a cancelled request, for a cancelled request is mostly one more key typed. */
interface Flight {
  readonly job: Job;
  readonly controller: AbortController;
  readonly outcome: Promise<Outcome>;
  /** What is decoded so far. */
  readonly written: { text: string };
  /** What was typed since it began. */
  typed: string;
}

/** The last suggestion. */
interface Last extends Remembered {
  readonly settings: string;
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
  private readonly promptRoom: number;
  private last: Last | undefined;
  private made: Made | undefined;
  private flight: Flight | undefined;
  private lastPrompt: readonly number[] = [];
  private readonly choices: Partial<Record<Situation, Choice>> = {};

  constructor(private readonly parts: PipelineParts) {
    this.promptRoom = parts.checkpoint.config.model.contextLength - 100;
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
    const settings = this.parts.settings();
    const eagerness = this.parts.eagerness();
    const minScore = request.explicit ? 0 : EAGERNESS[eagerness];
    const key = suggestedUnder(settings, eagerness);
    const along = this.last?.settings === key ? typedAlong(this.last, request) : undefined;
    trace.end('reuse');
    if (along && this.last) return this.reuse(this.last, along, 'typed as suggested');

    const joined = await this.join(request, key, signal);
    trace.end('join');
    if (joined) return joined;
    if (isAborted(signal)) return { kind: 'superseded', reason: 'cancelled before it began' };

    const startedMs = this.parts.now();
    const shape = await this.parts.syntax.shapeAt(request.languageId, request, request.explicit);
    trace.end('syntax');
    if (isAborted(signal)) return { kind: 'superseded', reason: 'cancelled before it began' };

    const prompt = buildPrompt(this.parts.checkpoint.tokenizer, request, this.promptRoom);
    trace.end('prompt');
    const place = codePlaceAt(request.prefix);
    const decision = this.decide(request, place, prompt.tokens, shape.block, settings);
    this.settle(place, decision);
    trace.end('decide');
    if (!decision.submodel) return { kind: 'gated', reason: decision.reason };
    const cursor = cursorOf(request.prefix, request.suffix, decision.multiline, shape.blockEnd);
    const cached = this.memory.find(request, author(decision, minScore), decision.multiline);
    trace.end('cache');
    if (cached) {
      const last = this.remember(request, key, cached, decision.submodel.name);
      void this.lookAhead(request, cached, settings);
      return this.reuse(last, cached, 'cached');
    }
    if (decision.delayMs > 0) {
      await this.parts.wait(decision.delayMs, signal);
      trace.end('wait');
    }
    if (isAborted(signal)) return { kind: 'superseded', reason: 'cancelled while it waited for typing to go on' };
    const trim = trimAt(cursor);
    const made = { request, settings: key, prompt, decision, place, cursor, trim, minScore, startedMs, trace };
    const flight = this.start({ ...made, isAhead: false });
    const outcome = await Promise.race([flight.outcome, aborted(signal)]);
    if (outcome === undefined) return { kind: 'superseded', reason: 'cancelled; its decode goes on' };
    if (outcome.kind === 'shown') {
      if (this.last) this.last.unreported = undefined;
      void this.lookAhead(request, outcome.suggestion, settings);
    }
    return outcome;
  }

  /**
   * Others than the first suggestion, for whoever asked by hand and wants to choose: what follows from other first
   * tokens, at most two, distinct as they are shown.
   */
  async alternatives(request: CompletionRequest, first: Suggestion, signal: AbortSignal): Promise<Suggestion[]> {
    const { engine, checkpoint, syntax, now } = this.parts;
    const startedMs = now();
    this.stopFlight();
    const shape = await syntax.shapeAt(request.languageId, request, true);
    const prompt = buildPrompt(checkpoint.tokenizer, request, this.promptRoom);
    const place = codePlaceAt(request.prefix);
    const decision = this.decide(request, place, prompt.tokens, shape.block, this.parts.settings());
    if (!decision.submodel) return [];
    const trim = trimAt(cursorOf(request.prefix, request.suffix, decision.multiline, shape.blockEnd));
    const found: Suggestion[] = [];
    const tried: number[] = [];
    for (let i = 0; i < MAX_TRIES && found.length < MAX_ALTERNATIVES; i++) {
      const { tokenizer } = checkpoint;
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
    if (!flight || flight.job.isAhead || flight.job.request.document !== document) return;
    // The editor closes brackets and quotes by itself.
    flight.typed += CLOSED_PAIRS.has(inserted) ? inserted.slice(0, 1) : inserted;
    if (removedChars > 0 || !agrees(flight.written.text, flight.typed)) this.stopFlight();
  }

  /** Forget what other settings or another model have suggested. */
  reset(): void {
    this.stopFlight();
    this.last = undefined;
    this.lastPrompt = [];
    this.memory.clear();
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

  private decide(
    request: CompletionRequest,
    place: CodePlace,
    prompt: readonly number[],
    block: boolean,
    settings: GovernorSettings,
  ): Decision | Declined {
    const { costs, rhythm, history, machine, now } = this.parts;
    const nowMs = now();
    const snapshot = {
      explicit: request.explicit,
      gapMs: rhythm.gapMs(nowMs),
      pauseChance: rhythm.pauseChance(place),
      place,
      block,
      newPromptTokens: prompt.length - commonPrefix(prompt, this.lastPrompt),
      machine: machine(),
      nowMs,
      previous: this.choices,
    };
    return decide(snapshot, costs, history, settings);
  }

  /** Remember what was decided, for the decisions to come. */
  private settle(place: CodePlace, { submodel, ...decision }: Decision | Declined): void {
    const { history, machine, now } = this.parts;
    if (!submodel || !('situation' in decision)) {
      history.declined(place);
      return;
    }
    const { situation } = decision;
    const conditions = conditionsOf(machine());
    const before = this.choices[situation];
    if (before?.submodel !== submodel.name || before.conditions !== conditions) {
      this.choices[situation] = { submodel: submodel.name, sinceMs: now(), conditions };
    }
  }

  /** Wait for a decode that is under way where what was typed since agrees with it; stop it where not. */
  private async join(request: CompletionRequest, settings: string, signal: AbortSignal): Promise<Outcome | undefined> {
    const flight = this.flight;
    if (!flight) return undefined;
    const { job, written } = flight;
    const typed =
      job.settings === settings && job.request.document === request.document && !request.explicit
        ? typedSince(job.request, request)
        : undefined;
    if (typed === undefined || !agrees(written.text, typed)) {
      this.stopFlight();
      return undefined;
    }
    const outcome = await Promise.race([flight.outcome, aborted(signal)]);
    if (outcome === undefined) return { kind: 'superseded', reason: 'cancelled; its decode goes on' };
    if (job.isAhead && outcome.kind === 'shown') {
      this.remember(job.request, settings, outcome.suggestion, job.decision.submodel.name, outcome.work);
    }
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

  /** Decode what would follow if the suggestion were accepted, where the machine has nothing else to do. */
  private async lookAhead(
    request: CompletionRequest,
    suggestion: Suggestion,
    settings: GovernorSettings,
  ): Promise<void> {
    if (this.isBusy() || !looksAhead(this.parts.machine())) return;
    const { checkpoint, syntax, now } = this.parts;
    const suffix = request.suffix.slice(suggestion.replaces);
    const lineSuffix = request.lineSuffix.slice(suggestion.replaces);
    const next = { ...request, prefix: request.prefix + suggestion.text, suffix, lineSuffix, explicit: false };
    if (gate(next) !== undefined) return;
    const shape = await syntax.shapeAt(next.languageId, next, false);
    if (this.isBusy()) return;
    const prompt = buildPrompt(checkpoint.tokenizer, next, this.promptRoom);
    const place = codePlaceAt(next.prefix);
    const decision = this.decide(next, place, prompt.tokens, shape.block, settings);
    if (!decision.submodel) return;
    const eagerness = this.parts.eagerness();
    const minScore = EAGERNESS[eagerness];
    if (this.memory.find(next, author(decision, minScore), decision.multiline)) return;
    const cursor = cursorOf(next.prefix, next.suffix, decision.multiline, shape.blockEnd);
    const trim = trimAt(cursor);
    const trace = new Trace(now);
    const key = suggestedUnder(settings, eagerness);
    const job = {
      request: next,
      settings: key,
      prompt,
      decision,
      place,
      cursor,
      trim,
      minScore,
      startedMs: now(),
      trace,
    };
    this.start({ ...job, isAhead: true });
  }

  private isBusy(): boolean {
    return this.flight !== undefined;
  }

  private stopFlight(): void {
    this.flight?.controller.abort();
    this.flight = undefined;
  }

  private start(job: Job): Flight {
    const { engine, checkpoint } = this.parts;
    const { prompt, decision, trim } = job;
    const controller = new AbortController();
    const written = { text: '' };
    let isRead = false;
    const floor = minProbability(job.request);
    const decoded = decode(engine, checkpoint.tokenizer, prompt, decision, trim, controller.signal, floor, (text) => {
      written.text = text;
      if (!isRead) job.trace.end('prefill');
      isRead = true;
      // Only what was read is in the engine's cache: a decode that is aborted before leaves no trace there.
      this.lastPrompt = prompt.tokens;
    });
    const flight: Flight = {
      job,
      controller,
      written,
      typed: '',
      outcome: decoded.then((result) => {
        job.trace.end('decode');
        if (this.flight === flight) this.flight = undefined;
        return this.finish(job, result);
      }),
    };
    this.flight = flight;
    return flight;
  }

  private finish(job: Job, decoded: Decoded): Outcome {
    const { request, decision } = job;
    if (decoded.fault !== undefined) {
      this.lastPrompt = [];
      return { kind: 'failed', reason: decoded.fault };
    }
    if (decoded.aborted) return { kind: 'superseded', reason: 'what was typed diverged from it' };
    const { prefilledTokens, prefillMs, decodedTokens, decodeMs } = decoded;
    this.parts.costs.observe(decision.submodel, prefilledTokens, prefillMs, decodedTokens, decodeMs);
    const work: Work = {
      submodel: decision.submodel.name,
      reason: decision.reason,
      promptTokens: job.prompt.tokens.length,
      prefilledTokens,
      decodedTokens,
      prefillMs,
      decodeMs,
      latencyMs: this.parts.now() - job.startedMs,
    };
    if (!job.isAhead) this.parts.history.answered(job.place, decodedTokens);
    const weights = this.parts.checkpoint.calibration?.submodels[decision.submodel.fittedAs];
    const sure = confidentHead(decoded.pieces, job.cursor, weights, job.minScore);
    const { suggestion, emptiedBy } = job.trim(sure, false);
    job.trace.end('trim');
    if (!suggestion) {
      const unsure = sure.trim() === '' && decoded.pieces.length > 0;
      const nothing = emptiedBy ? `nothing passed the filter ${emptiedBy}` : 'nothing to add';
      return { kind: 'empty', reason: unsure ? 'the model was not sure' : nothing, work };
    }
    const { document, prefix, suffix } = request;
    const { multiline } = decision;
    this.memory.add({ document, prefix, suffix, suggestion, submodel: author(decision, job.minScore), multiline });
    if (!job.isAhead) {
      this.remember(request, job.settings, suggestion, work.submodel, work);
      const candidate = this.parts.costs.named(decision.submodel.name);
      this.made = { document, prefix, suffix, suggestion, place: job.place, quality: quality(candidate) };
    }
    return { kind: 'shown', suggestion, work };
  }

  private remember(
    { document, prefix, suffix }: CompletionRequest,
    settings: string,
    suggestion: Suggestion,
    submodel: string,
    unreported?: Work,
  ): Last {
    return (this.last = { document, prefix, suffix, suggestion, settings, submodel, unreported });
  }
}

function minProbability({ explicit }: CompletionRequest): number {
  return explicit ? 0 : MIN_PROBABILITY;
}

/** Brackets and quotes as the editor inserts them, the second one by itself. */
const CLOSED_PAIRS = new Set(['()', '[]', '{}', '""', "''", '``']);

/** Whether what is written may still become what is typed, or the other way round. */
function agrees(written: string, typed: string): boolean {
  return written.startsWith(typed) || typed.startsWith(written);
}

/** Settings under which the same would be suggested have the same key. */
function suggestedUnder(settings: GovernorSettings, eagerness: Eagerness): string {
  return `${settingsKey(settings)} ${eagerness}`;
}

/** Whose suggestion it is: another submodel's, or one that had to be surer, is another. */
function author({ submodel }: Decision, minScore: number): string {
  return `${submodel.name} ${minScore}`;
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
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
