import type { Engine } from '../engine/engine';
import type { CostModel } from '../governor/costs';
import { decide, type Decision, type Declined } from '../governor/decide';
import type { Machine } from '../governor/machine';
import { type GovernorSettings, settingsKey } from '../governor/settings';
import type { TypingRhythm } from '../governor/typing';
import type { Checkpoint } from '../matlm/checkpoint';
import { cacheKey, LruCache } from './cache';
import { confident, MIN_PROBABILITY } from './confidence';
import { cursorOf } from './cursor';
import { decode, type Decoded } from './decode';
import { type Trim, trimAt } from './filters';
import { gate, type GateInput } from './gate';
import type { Outcome, Suggestion, Work } from './outcome';
import { buildPrompt, type Excerpt, type Prompt } from './prompt';
import { type Remembered, typedAlong, typedSince } from './reuse';

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
  /** What the user decided; asked at every request. */
  readonly settings: () => GovernorSettings;
  /** The machine as the sensors see it now. */
  readonly machine: () => Machine;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Resolves after so long by that clock, or at once when the signal aborts. */
  readonly wait: (delayMs: number, signal: AbortSignal) => Promise<void>;
}

const CACHED_SUGGESTIONS = 200;

/** All that is settled before a decode begins. */
interface Job {
  readonly request: CompletionRequest;
  readonly settings: string;
  readonly prompt: Prompt;
  readonly decision: Decision;
  readonly trim: Trim;
  readonly cacheKey: string;
  readonly startedMs: number;
}

/** A decode under way. It outlives a cancelled request, for a cancelled request is mostly one more key typed. */
interface Flight {
  readonly job: Job;
  readonly controller: AbortController;
  readonly outcome: Promise<Outcome>;
  /** What is decoded so far. */
  readonly written: { text: string };
}

/** The last suggestion. */
interface Last extends Remembered {
  readonly settings: string;
  /** What it took, until a request has shown it: the one that began the decode may have been cancelled. */
  unreported: Work | undefined;
}

/** From a cursor to a suggestion. */
export class Pipeline {
  private readonly cache = new LruCache<Suggestion>(CACHED_SUGGESTIONS);
  private readonly promptRoom: number;
  private last: Last | undefined;
  private flight: Flight | undefined;
  private lastPrompt: readonly number[] = [];
  private lastSubmodel: string | undefined;

  constructor(private readonly parts: PipelineParts) {
    this.promptRoom = parts.checkpoint.config.model.contextLength - 100;
  }

  /** @param signal aborted when the editor no longer wants the answer; the work may go on for the next request */
  async complete(request: CompletionRequest, signal: AbortSignal): Promise<Outcome> {
    const gated = gate(request);
    if (gated !== undefined) return { kind: 'gated', reason: gated };

    const settings = this.parts.settings();
    const key = settingsKey(settings);
    const along = this.last?.settings === key ? typedAlong(this.last, request) : undefined;
    if (along) return this.reuse(along, 'typed as suggested');

    const joined = await this.join(request, key, signal);
    if (joined) return joined;
    if (isAborted(signal)) return { kind: 'superseded', reason: 'cancelled before it began' };

    const startedMs = this.parts.now();
    const prompt = buildPrompt(this.parts.checkpoint.tokenizer, request, this.promptRoom);
    const decision = this.decide(request, prompt.tokens, settings);
    if (!decision.submodel) return { kind: 'gated', reason: decision.reason };
    const trim = trimAt(cursorOf(request.prefix, request.suffix, decision.multiline));
    const place = cacheKey(decision.submodel.name, decision.multiline, request.path, request.prefix, request.suffix);
    const cached = this.cache.get(place);
    if (cached) {
      this.remember(request, key, cached);
      return this.reuse(cached, 'cached');
    }
    if (decision.delayMs > 0) await this.parts.wait(decision.delayMs, signal);
    if (isAborted(signal)) return { kind: 'superseded', reason: 'cancelled while it waited for typing to go on' };
    const flight = this.start({ request, settings: key, prompt, decision, trim, cacheKey: place, startedMs });
    const outcome = await Promise.race([flight.outcome, aborted(signal)]);
    if (outcome === undefined) return { kind: 'superseded', reason: 'cancelled; its decode goes on' };
    if (outcome.kind === 'shown' && this.last) this.last.unreported = undefined;
    return outcome;
  }

  /** Forget what other settings or another model have suggested. */
  reset(): void {
    this.flight?.controller.abort();
    this.flight = undefined;
    this.last = undefined;
    this.lastPrompt = [];
    this.cache.clear();
  }

  private decide(
    request: CompletionRequest,
    prompt: readonly number[],
    settings: GovernorSettings,
  ): Decision | Declined {
    const { costs, rhythm, machine, now } = this.parts;
    const snapshot = {
      explicit: request.explicit,
      gapMs: rhythm.gapMs(now()),
      previous: this.lastSubmodel,
      newPromptTokens: prompt.length - commonPrefix(prompt, this.lastPrompt),
      atLineEnd: request.lineSuffix.trim() === '',
      machine: machine(),
    };
    return decide(snapshot, costs, settings);
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
    const agrees = typed !== undefined && (written.text.startsWith(typed) || typed.startsWith(written.text));
    if (!agrees) {
      flight.controller.abort();
      this.flight = undefined;
      return undefined;
    }
    const outcome = await Promise.race([flight.outcome, aborted(signal)]);
    if (outcome === undefined) return { kind: 'superseded', reason: 'cancelled; its decode goes on' };
    const along = this.last && typedAlong(this.last, request);
    return along && this.reuse(along, 'typed along with a decode under way');
  }

  /** What is left of an earlier suggestion. The first request that shows a decode's suggestion reports its work. */
  private reuse(suggestion: Suggestion, reason: string): Outcome {
    const work = this.last?.unreported;
    if (!this.last || !work) return { kind: 'reused', suggestion, reason };
    this.last.unreported = undefined;
    return { kind: 'shown', suggestion, work };
  }

  private start(job: Job): Flight {
    const { engine, checkpoint } = this.parts;
    const { prompt, decision, trim } = job;
    const controller = new AbortController();
    const written = { text: '' };
    this.lastSubmodel = decision.submodel.name;
    const floor = minProbability(job.request);
    const decoded = decode(engine, checkpoint.tokenizer, prompt, decision, trim, controller.signal, floor, (text) => {
      written.text = text;
      // Only what was read is in the engine's cache: a decode that is aborted before leaves no trace there.
      this.lastPrompt = prompt.tokens;
    });
    const flight: Flight = {
      job,
      controller,
      written,
      outcome: decoded.then((result) => {
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
    const sure = confident(decoded.pieces, minProbability(request));
    const { suggestion, emptiedBy } = job.trim(sure, false);
    if (!suggestion) {
      const unsure = sure.trim() === '' && decoded.pieces.length > 0;
      const nothing = emptiedBy ? `nothing passed the filter ${emptiedBy}` : 'nothing to add';
      return { kind: 'empty', reason: unsure ? 'the model was not sure' : nothing, work };
    }
    this.cache.set(job.cacheKey, suggestion);
    this.remember(request, job.settings, suggestion, work);
    return { kind: 'shown', suggestion, work };
  }

  private remember(
    { document, prefix, suffix }: CompletionRequest,
    settings: string,
    suggestion: Suggestion,
    unreported?: Work,
  ): void {
    this.last = { document, prefix, suffix, suggestion, settings, unreported };
  }
}

function minProbability({ explicit }: CompletionRequest): number {
  return explicit ? 0 : MIN_PROBABILITY;
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
