import type { MemoryMatch } from '../engine/memory';
import type { CostModel } from '../governor/costs';
import { type Choice, conditionsOf, decide, type Decision, type Declined, type Snapshot } from '../governor/decide';
import { DutyCycle } from '../governor/dutyCycle';
import type { History } from '../governor/history';
import type { Machine } from '../governor/machine';
import { isSure } from '../governor/match';
import { codePlaceAt, isSeen, type CursorContext } from '../governor/place';
import { refine } from '../governor/refine';
import { type GovernorSettings, settingsKey } from '../governor/settings';
import { mayBeSeveralLines, type Situation } from '../governor/situation';
import type { TypingRhythm } from '../governor/typing';
import type { Checkpoint } from '../matlm/checkpoint';
import type { Submodel } from '../matlm/submodel';
import { type Eagerness, EAGERNESS } from './decode/confidence';
import { type Cursor, cursorOf } from './cursor';
import { type Trim, trimAt } from './filters';
import { endOfText, type LookUp } from './lookUp';
import { buildPrompt, type Prompt, ROOM_TO_WRITE } from './prompt/prompt';
import { SteadySuffix } from './prompt/steadySuffix';
import type { CompletionRequest } from './request';
import type { Syntax } from './syntax/shape';
import type { Trace } from './trace';

export interface PlannerParts {
  readonly checkpoint: Checkpoint;
  readonly costs: CostModel;
  readonly rhythm: TypingRhythm;
  readonly history: History;
  /** Decides between a line and a block. It is used only if several lines are allowed. */
  readonly syntax: Syntax;
  /** The machine's state now. */
  readonly machine: () => Machine;
  /** Looks up the memory of the workspace; missing if there is none. */
  readonly lookUp?: LookUp | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** The user's settings when a request began. */
export interface RequestSettings {
  readonly governor: GovernorSettings;
  readonly eagerness: Eagerness;
  /** Settings with equal keys lead to the same suggestions. */
  readonly key: string;
}

export function requestSettings(governor: GovernorSettings, eagerness: Eagerness): RequestSettings {
  return { governor, eagerness, key: `${settingsKey(governor)} ${eagerness}` };
}

/**
 * Why a decode is planned. A `requested` one answers a request, a `speculative` one completes the position after an
 * accepted suggestion, and a `refinement` replaces the suggestion of a smaller submodel.
 */
export type Purpose = 'requested' | 'speculative' | 'refinement';

/** Everything that is decided before a decode begins. */
export interface Plan {
  readonly request: CompletionRequest;
  readonly settings: RequestSettings;
  readonly cursorContext: CursorContext;
  readonly prompt: Prompt;
  readonly decision: Decision;
  readonly cursor: Cursor;
  readonly trim: Trim;
  /** The score that a suggestion needs, 0 to 1. */
  readonly minScore: number;
  /** Submodel, score, and line or block. At one position, plans with equal keys lead to the same suggestion. */
  readonly cacheKey: string;
  readonly startedMs: number;
}

/** A prompt that a request will need soon, and the submodel that prefills it. */
export interface Unread {
  readonly tokens: readonly number[];
  readonly submodel: Submodel;
}

/** The governor declined. */
export interface NoPlan extends Declined {
  /** The prompt to read ahead for the pause that may follow. */
  readonly unread?: Unread;
}

export interface PlanOptions {
  readonly purpose?: Purpose;
  /** The text typed on this line diverged from the model's last output. */
  readonly diverged?: boolean;
  /** Checked once the syntax tree is ready, because parsing may take a while. */
  readonly isWanted?: () => boolean;
  /** For a refinement, the submodel whose suggestion is on the screen. */
  readonly shown?: string;
  readonly trace?: Trace;
}

/** The part of a snapshot that is known before parsing and before the prompt is built. */
type Moment = Omit<Snapshot, 'block' | 'newPromptTokens' | 'halfReadTokens'>;

/** Plans decodes, and knows which prompt the engine has in its cache. */
export class Planner {
  /** The prompt in the engine's cache, and how many of its positions hold every layer. */
  private cached: { readonly prompt: readonly number[]; readonly whole: number } = { prompt: [], whole: 0 };
  private readonly suffix = new SteadySuffix();
  private readonly choices: Partial<Record<Situation, Choice>> = {};

  /** @param dutyCycle all of the engine's work */
  constructor(
    private readonly parts: PlannerParts,
    private readonly dutyCycle = new DutyCycle(),
  ) {}

  /** @returns undefined if no plan is wanted any more */
  async plan(
    request: CompletionRequest,
    settings: RequestSettings,
    { purpose = 'requested', diverged = false, isWanted = () => true, shown, trace }: PlanOptions = {},
  ): Promise<Plan | NoPlan | undefined> {
    const { checkpoint, syntax, now } = this.parts;
    const startedMs = now();
    const { prefix, suffix } = request;
    const cursorContext = { place: codePlaceAt(prefix), seen: isSeen(prefix, suffix), diverged };
    const moment = this.momentOf(request, cursorContext, startedMs);
    // Parsing takes longer than everything else before the decode, and after most keys the rest of a line is wanted anyway.
    const shape = mayBeSeveralLines(moment)
      ? await syntax.shapeAt(request.languageId, request, request.explicit)
      : undefined;
    trace?.end('syntax');
    if (!isWanted()) return undefined;
    const room = checkpoint.config.model.contextLength - ROOM_TO_WRITE;
    const prompt = buildPrompt(checkpoint.tokenizer, { ...request, suffix: this.suffix.of(request) }, room);
    trace?.end('prompt');
    const newPromptTokens = this.unreadOf(prompt.tokens);
    const halfReadTokens = Math.max(0, prompt.tokens.length - newPromptTokens - this.cached.whole);
    const snapshot = { ...moment, block: shape?.block === true, newPromptTokens, halfReadTokens };
    const first = this.decide(snapshot, settings.governor, shown);
    // A refinement does not depend on it.
    const mayDepend = shown === undefined && this.mayDependOnMemory(first, request, settings);
    const match = mayDepend ? await this.lookUp(request, prompt) : undefined;
    if (!isWanted()) return undefined;
    const decision = isSure(match) ? this.decide({ ...snapshot, match }, settings.governor, shown) : first;
    trace?.end('decide');
    // The choice for a match says nothing about the next place.
    if (purpose === 'requested' && !isSure(match)) this.remember(decision);
    if (!decision.submodel) {
      const { considered, readAhead } = decision;
      return readAhead && considered
        ? { ...decision, unread: { tokens: prompt.tokens, submodel: considered } }
        : decision;
    }
    const { submodel, multiline } = decision;
    const cursor = cursorOf(request, multiline, shape);
    const minScore = request.explicit ? 0 : EAGERNESS[settings.eagerness];
    return {
      request,
      settings,
      cursorContext,
      prompt,
      decision,
      cursor,
      trim: trimAt(cursor),
      minScore,
      cacheKey: [
        submodel.name,
        minScore,
        multiline ? 'block' : 'line',
        // A request by hand gets a fresh answer if the workspace says something else now.
        ...(request.explicit ? [request.memory?.revision ?? 0] : []),
      ].join(' '),
      startedMs,
    };
  }

  /** Number of a prompt's tokens that are not in the engine's cache. */
  unreadOf(prompt: readonly number[]): number {
    return prompt.length - commonPrefix(prompt, this.cached.prompt);
  }

  /**
   * The engine has a prompt in its cache now; an empty one if it lost its cache.
   * @param widths of the submodel that prefilled the new part
   */
  wasRead(prompt: readonly number[], widths: readonly number[] = []): void {
    const whole = widths.includes(0)
      ? Math.min(this.cached.whole, commonPrefix(prompt, this.cached.prompt))
      : prompt.length;
    this.cached = { prompt, whole };
  }

  /** A look-up delays the answer a little, so there is none if it could not change the decision. */
  private mayDependOnMemory(
    { submodel }: Decision | Declined,
    { explicit }: CompletionRequest,
    { governor }: RequestSettings,
  ): boolean {
    const { costs, lookUp } = this.parts;
    if (!lookUp || explicit || governor.submodel !== 'auto' || !submodel) return false;
    const cheaper = [costs.candidates[0], costs.lastResort];
    return !cheaper.some((candidate) => candidate?.submodel.name === submodel.name);
  }

  private async lookUp(
    { memory = {} }: CompletionRequest,
    { tokens, healingPrefix }: Prompt,
  ): Promise<MemoryMatch | undefined> {
    const { tokenizer } = this.parts.checkpoint;
    return this.parts.lookUp?.([...endOfText(tokens, tokenizer.special), ...tokenizer.encode(healingPrefix)], memory);
  }

  /** Later decisions depend on those for earlier requests. */
  private remember(decision: Decision | Declined): void {
    const { machine, now } = this.parts;
    if (!decision.submodel) return;
    const { situation, submodel } = decision;
    const conditions = conditionsOf(machine());
    const before = this.choices[situation];
    if (before?.submodel !== submodel.name || before.conditions !== conditions) {
      this.choices[situation] = { submodel: submodel.name, sinceMs: now(), conditions };
    }
  }

  private momentOf({ explicit }: CompletionRequest, cursorContext: CursorContext, nowMs: number): Moment {
    const { rhythm, machine } = this.parts;
    return {
      explicit,
      gapMs: rhythm.gapMs(nowMs),
      pauseChance: rhythm.pauseChance(cursorContext.place),
      ...cursorContext,
      machine: machine(),
      engineShare: this.dutyCycle.share(nowMs),
      nowMs,
      previous: this.choices,
    };
  }

  private decide(snapshot: Snapshot, settings: GovernorSettings, shown: string | undefined): Decision | Declined {
    const { costs, history } = this.parts;
    return shown === undefined
      ? decide(snapshot, costs, history, settings)
      : refine(snapshot, shown, costs, history, settings);
  }
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}
