import type { MemoryMatch } from '../engine/memory';
import { type Choice, conditionsOf, decide, type Decision, type Declined, type Snapshot } from '../governor/decide';
import { DutyCycle } from '../governor/dutyCycle';
import type { History } from '../governor/history';
import type { Machine } from '../governor/machine';
import { isSure } from '../governor/match';
import { codePlaceAt, isSeen, type CursorContext } from '../governor/place';
import { refine } from '../governor/refine';
import { type GovernorSettings, settingsKey } from '../governor/settings';
import { latencyBudgetMs, mayBeSeveralLines, type Situation, situationOf } from '../governor/situation';
import type { TypingRhythm } from '../governor/typing';
import { phrase } from '../localisation/phrase';
import type { Submodel } from '../matlm/submodel';
import { type Eagerness, EAGERNESS } from './decode/confidence';
import { type Cursor, cursorOf } from './cursor';
import { type Trim, trimAt } from './filters';
import { DocumentNumbers } from './documentNumbers';
import { endOfText } from './lookUp';
import type { Model, Models } from './models';
import { BUDGET, buildPrompt, type Excerpt, type Prompt, type PromptBudget, ROOM_TO_WRITE } from './prompt/prompt';
import { SteadySuffix } from './prompt/steadySuffix';
import { suffixTokensWithin } from './prompt/suffixBudget';
import type { CompletionRequest } from './request';
import type { Syntax } from './syntax/shape';
import type { Trace } from './trace';

export interface PlannerParts {
  readonly models: Models;
  readonly rhythm: TypingRhythm;
  readonly history: History;
  /** Decides between a line and a block. It is used only if several lines are allowed. */
  readonly syntax: Syntax;
  /** The machine's state now. */
  readonly machine: () => Machine;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Of all pipelines that share an engine; by default of this one alone. */
  readonly documents?: DocumentNumbers | undefined;
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
  /** The number of its document for the engine. */
  readonly document: number;
  readonly settings: RequestSettings;
  readonly cursorContext: CursorContext;
  /** That of the submodel, which the prompt's tokens belong to. */
  readonly model: Model;
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
  readonly model: Model;
  /** The number of its document for the engine. */
  readonly document: number;
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
  /** For a refinement, the submodel that has answered, and whether its suggestion is on the screen. */
  readonly answered?: Answered;
  readonly trace?: Trace;
}

/** The answer that a refinement is to improve on. */
export interface Answered {
  readonly submodel: string;
  /** Otherwise it had nothing to show, and another model is asked. */
  readonly isShown: boolean;
}

/** The part of a snapshot that is known before parsing and before the prompt is built. */
type Moment = Omit<Snapshot, 'block' | 'unreadBy'>;

/** Plans decodes. */
export class Planner {
  private readonly documents: DocumentNumbers;
  private readonly suffix = new SteadySuffix();
  private readonly choices: Partial<Record<Situation, Choice>> = {};

  /** @param dutyCycle all of the engine's work */
  constructor(
    private readonly parts: PlannerParts,
    private readonly dutyCycle = new DutyCycle(),
  ) {
    this.documents = parts.documents ?? new DocumentNumbers();
  }

  /** @returns undefined if no plan is wanted any more */
  async plan(
    request: CompletionRequest,
    settings: RequestSettings,
    { purpose = 'requested', diverged = false, isWanted = () => true, answered, trace }: PlanOptions = {},
  ): Promise<Plan | NoPlan | undefined> {
    const { models, syntax, now } = this.parts;
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
    const budgetOf = (model: Model) =>
      purpose === 'refinement' ? BUDGET : promptBudget(model, moment, settings.governor);
    const prompts = new Prompts({ ...request, suffix: this.suffix.of(request) }, budgetOf);
    prompts.of(models.main);
    trace?.end('prompt');
    const document = this.documents.of(request.document);
    const unreadBy = ({ name, widths }: Submodel) => {
      const model = models.of(name) ?? models.main;
      return model.cache.unreadBy(widths, prompts.of(model).tokens, document);
    };
    const snapshot = { ...moment, block: shape?.block === true, unreadBy };
    const first = this.decide(snapshot, settings.governor, answered);
    // A refinement does not depend on it.
    const mayDepend = answered === undefined && this.mayDependOnMemory(first, request, settings);
    const match = mayDepend ? await this.lookUp(request, prompts.of(models.main)) : undefined;
    if (!isWanted()) return undefined;
    const decided = isSure(match) ? this.decide({ ...snapshot, match }, settings.governor, answered) : first;
    const decision = within(decided, request.maxTokens);
    trace?.end('decide');
    // The choice for a match says nothing about the next place.
    if (purpose === 'requested' && !isSure(match)) this.remember(decision);
    if (!decision.submodel) {
      const { considered, readAhead } = decision;
      const model = considered && models.of(considered.name);
      return readAhead && model
        ? { ...decision, unread: { model, document, tokens: textOf(prompts.of(model)), submodel: considered } }
        : decision;
    }
    const { submodel, multiline } = decision;
    const model = models.of(submodel.name);
    // It was removed while the memory was asked.
    if (!model) return undefined;
    const cursor = cursorOf(request, multiline, shape);
    const minScore = request.explicit ? 0 : EAGERNESS[settings.eagerness];
    return {
      request,
      document,
      settings,
      cursorContext,
      model,
      prompt: prompts.of(model),
      decision,
      cursor,
      trim: trimAt(cursor),
      minScore,
      cacheKey: [
        submodel.name,
        minScore,
        multiline ? 'block' : 'line',
        ...(request.maxTokens === decision.maxTokens ? [`${decision.maxTokens} tokens`] : []),
        // A request by hand gets a fresh answer if the workspace says something else now.
        ...(request.explicit ? [request.memory?.revision ?? 0] : []),
      ].join(' '),
      startedMs,
    };
  }

  /** A look-up delays the answer a little, so there is none if it could not change the decision. */
  private mayDependOnMemory(
    { submodel }: Decision | Declined,
    { explicit }: CompletionRequest,
    { governor }: RequestSettings,
  ): boolean {
    const { costs, main } = this.parts.models;
    if (!main.lookUp || explicit || governor.submodel !== 'auto' || !submodel) return false;
    const cheaper = [costs.candidates[0], costs.lastResort];
    return !cheaper.some((candidate) => candidate?.submodel.name === submodel.name);
  }

  private async lookUp({ memory = {} }: CompletionRequest, prompt: Prompt): Promise<MemoryMatch | undefined> {
    const { checkpoint, lookUp } = this.parts.models.main;
    const { tokenizer, prompt: format } = checkpoint;
    return lookUp?.([...endOfText(prompt, format), ...tokenizer.encode(prompt.healingPrefix)], memory);
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

  private decide(snapshot: Snapshot, settings: GovernorSettings, answered: Answered | undefined): Decision | Declined {
    const { models, history } = this.parts;
    if (!answered) return decide(snapshot, models.costs, history, settings);
    const { submodel, isShown } = answered;
    if (isShown) return refine(snapshot, submodel, models.costs, history, settings);
    const others = models.costsWithout(models.of(submodel) ?? models.main);
    if (!others) return { submodel: undefined, reason: phrase('there is no other model') };
    return refine(snapshot, undefined, others, history, settings);
  }
}

/** A decision with no more tokens than the caller takes. */
function within<Any extends Decision | Declined>(decision: Any, maxTokens: number | undefined): Any {
  if (maxTokens === undefined || !('maxTokens' in decision) || decision.maxTokens <= maxTokens) return decision;
  return { ...decision, maxTokens };
}

/** If the suffix comes last, each key has it read again, so it is as long as the pace of typing allows. */
function promptBudget({ checkpoint, costs }: Model, moment: Moment, settings: GovernorSettings): PromptBudget {
  const [cheapest] = costs.candidates;
  if (checkpoint.prompt.order !== 'psm' || !cheapest) return BUDGET;
  const budgetMs = latencyBudgetMs(moment, situationOf(moment), settings);
  return { ...BUDGET, suffixTokens: suffixTokensWithin(budgetMs, costs.predictMs(cheapest.submodel, 1, 0)) };
}

/** The part of a prompt that the next key does not change, and the token after it. */
function textOf({ tokens, textEnd }: Prompt): readonly number[] {
  return tokens.slice(0, textEnd + 1);
}

/** The prompts of one request, which each model reads in its own tokens. Each is built on its first use. */
class Prompts {
  private readonly built = new Map<Model, Prompt>();

  constructor(
    private readonly excerpt: Excerpt,
    private readonly budgetOf: (model: Model) => PromptBudget,
  ) {}

  of(model: Model): Prompt {
    const known = this.built.get(model);
    if (known) return known;
    const { checkpoint } = model;
    const room = checkpoint.config.model.contextLength - ROOM_TO_WRITE;
    const prompt = buildPrompt(checkpoint, this.excerpt, room, undefined, this.budgetOf(model));
    this.built.set(model, prompt);
    return prompt;
  }
}
