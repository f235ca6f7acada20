import type { CostModel } from '../governor/costs';
import {
  type Choice,
  conditionsOf,
  decide,
  type Decision,
  type Declined,
  mayBeSeveralLines,
  type Situation,
  type Snapshot,
} from '../governor/decide';
import type { History } from '../governor/history';
import type { Machine } from '../governor/machine';
import { codePlaceAt, isSeen, type Spot } from '../governor/place';
import { refine } from '../governor/refine';
import { type GovernorSettings, settingsKey } from '../governor/settings';
import type { TypingRhythm } from '../governor/typing';
import type { Checkpoint } from '../matlm/checkpoint';
import { type Eagerness, EAGERNESS } from './decode/confidence';
import { type Cursor, cursorOf } from './cursor';
import { type Trim, trimAt } from './filters';
import { buildPrompt, type Prompt } from './prompt/prompt';
import type { CompletionRequest } from './request';
import { typedSince } from './reuse/reuse';
import type { Syntax } from './syntax/shape';
import type { Trace } from './trace';

export interface PlannerParts {
  readonly checkpoint: Checkpoint;
  readonly costs: CostModel;
  readonly rhythm: TypingRhythm;
  readonly history: History;
  /** One line or a block; asked where a block may come. */
  readonly syntax: Syntax;
  /** The machine as the sensors see it now. */
  readonly machine: () => Machine;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** What the user wants of suggestions. */
export interface Terms {
  readonly settings: GovernorSettings;
  readonly eagerness: Eagerness;
}

/** Terms under which the same would be suggested have the same key. */
export function termsKey({ settings, eagerness }: Terms): string {
  return `${settingsKey(settings)} ${eagerness}`;
}

/** All that is settled before a decode begins. */
export interface Plan {
  readonly request: CompletionRequest;
  readonly terms: Terms;
  readonly spot: Spot;
  readonly prompt: Prompt;
  readonly decision: Decision;
  readonly cursor: Cursor;
  readonly trim: Trim;
  /** What a suggestion has to score. */
  readonly minScore: number;
  /** Whose suggestion it will be: another submodel's, or one that had to be surer, is another. */
  readonly author: string;
  readonly startedMs: number;
}

/** The governor wants none made here. */
export interface NoPlan {
  readonly spot: Spot;
  readonly decision: Declined;
}

/** What the choice depends on, before the place is parsed and the prompt is written. */
type Moment = Omit<Snapshot, 'block' | 'newPromptTokens'>;

/** Tokens of the context that a prompt leaves for what is written. */
const ROOM_TO_WRITE = 100;

/** From a cursor to what the engine is to do there. */
export class Planner {
  /** What the engine has in its cache. */
  private lastPrompt: readonly number[] = [];
  private lastWritten: { readonly request: CompletionRequest; readonly text: string } | undefined;
  private readonly choices: Partial<Record<Situation, Choice>> = {};

  constructor(private readonly parts: PlannerParts) {}

  /**
   * @param shown the submodel whose suggestion stands there already, where a better one is looked for
   * @param isWanted asked when the syntax of the place is known, for that may take a while
   * @returns undefined where it is wanted no more
   */
  async plan(
    request: CompletionRequest,
    terms: Terms,
    isWanted: () => boolean,
    { trace, shown }: { readonly trace?: Trace; readonly shown?: string } = {},
  ): Promise<Plan | NoPlan | undefined> {
    const { checkpoint, syntax, now } = this.parts;
    const startedMs = now();
    const spot = this.spotOf(request);
    const moment = this.momentOf(request, spot, startedMs);
    // Parsing takes longer than everything else before the decode, and most keys want the rest of a line in any case.
    const shape = mayBeSeveralLines(moment)
      ? await syntax.shapeAt(request.languageId, request, request.explicit)
      : undefined;
    trace?.end('syntax');
    if (!isWanted()) return undefined;
    const room = checkpoint.config.model.contextLength - ROOM_TO_WRITE;
    const prompt = buildPrompt(checkpoint.tokenizer, request, room);
    trace?.end('prompt');
    const newPromptTokens = prompt.tokens.length - commonPrefix(prompt.tokens, this.lastPrompt);
    const snapshot = { ...moment, block: shape?.block === true, newPromptTokens };
    const decision = this.decide(snapshot, terms.settings, shown);
    trace?.end('decide');
    if (!decision.submodel) return { spot, decision };
    const cursor = cursorOf(request, decision.multiline, shape);
    const minScore = request.explicit ? 0 : EAGERNESS[terms.eagerness];
    const author = `${decision.submodel.name} ${minScore}`;
    return { request, terms, spot, prompt, decision, cursor, trim: trimAt(cursor), minScore, author, startedMs };
  }

  /** A request is answered by this plan: remember what was decided, for the decisions to come. */
  settle({ spot, decision }: Plan | NoPlan): void {
    const { history, machine, now } = this.parts;
    if (!decision.submodel) {
      history.declined(spot);
      return;
    }
    const { situation, submodel } = decision;
    const conditions = conditionsOf(machine());
    const before = this.choices[situation];
    if (before?.submodel !== submodel.name || before.conditions !== conditions) {
      this.choices[situation] = { submodel: submodel.name, sinceMs: now(), conditions };
    }
  }

  /** The engine has a prompt in its cache now; none where it lost what it had. */
  wasRead(prompt: readonly number[]): void {
    this.lastPrompt = prompt;
  }

  /** What was asked for last came to be written so, all of it, shown or not. */
  wasWritten(request: CompletionRequest, text: string): void {
    this.lastWritten = { request, text };
  }

  private spotOf(request: CompletionRequest): Spot {
    const { prefix, suffix } = request;
    const typed = this.lastWritten && typedSince(this.lastWritten.request, request);
    const text = this.lastWritten?.text ?? '';
    const isOnTheWay = typed === undefined || typed.includes('\n') || text.startsWith(typed) || typed.startsWith(text);
    return { place: codePlaceAt(prefix), seen: isSeen(prefix, suffix), strayed: !isOnTheWay };
  }

  private momentOf({ explicit }: CompletionRequest, spot: Spot, nowMs: number): Moment {
    const { rhythm, machine } = this.parts;
    return {
      explicit,
      gapMs: rhythm.gapMs(nowMs),
      pauseChance: rhythm.pauseChance(spot.place),
      ...spot,
      machine: machine(),
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
