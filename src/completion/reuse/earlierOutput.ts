import type { Work } from '../outcome';
import type { Plan } from '../plan';
import { acceptanceOutcome } from './acceptanceOutcome';
import { findCached } from './completionCache';
import { currentGhostText, type GhostText, readyRefinement } from './currentGhostText';
import { hasDiverged } from './divergence';
import { type Generation, isSuggesting, type Suggesting } from './generation';
import type { InFlightCompletion } from './inFlight';
import { isKnownUnsure } from './lowConfidence';
import type { Remaining } from './remaining';
import { type DocumentPosition, TypedSince } from './typedSince';

/** Generations with a suggestion that are kept. */
const CAPACITY = 50;

/** A suggestion of which the document now holds some characters. */
export interface Accepted {
  readonly generation: Suggesting;
  readonly characters: number;
}

/** What remains of a suggestion that is shown. */
export interface Shown extends Remaining {
  /** What it took, told to the first request that shows it: the one that started it may have been cancelled. */
  readonly work: Work | undefined;
}

/** What earlier output means for a request, as far as that is known without a plan. */
export interface EarlierOutputNow {
  readonly since: TypedSince;
  /** The suggestion that became text of the document, told once. */
  readonly accepted: Accepted | undefined;
  /** What remains of the suggestion on the screen. None for a request by hand, which gets a fresh answer. */
  readonly ghostText: Shown | undefined;
  /** The decode under way, if it may answer the request. */
  readonly joinable: InFlightCompletion | undefined;
}

/** Given as a string: without a reason every abort makes an error with its stack, which takes longer than the abort. */
const USER_GOES_ON = 'the user goes on';

/**
 * All that was generated earlier and is being generated now. It keeps the records; each question about them is a function
 * in a file of its own, and takes what was typed since.
 */
export class EarlierOutput {
  /** Those with a suggestion, the latest first. */
  private generations: readonly Suggesting[] = [];
  /** The latest that a request waited for, shown or not. */
  private lastRequested: Generation | undefined;
  private ghostText: GhostText | undefined;
  /** The suggestion of which it is not known yet what becomes of it. */
  private awaited: Suggesting | undefined;
  /** On the screen, but no outcome has reported its work yet. */
  private unreported: Suggesting | undefined;
  private running: InFlightCompletion | undefined;
  private pausing = new AbortController();
  /** The document in which the user pauses: others, such as logs, change meanwhile. */
  private pausedIn: string | undefined;

  get inFlight(): InFlightCompletion | undefined {
    return this.running;
  }

  /** The generation whose suggestion is on the screen, or was there last. */
  get onScreen(): Suggesting | undefined {
    return this.ghostText?.generation;
  }

  /** Aborted when the user goes on after the last request, with another one or an edit. */
  get pause(): AbortSignal {
    return this.pausing.signal;
  }

  /**
   * What earlier output means for a request. The decode under way stops if it cannot answer it: only a speculative one
   * goes on while the ghost text can, because it may answer the next.
   */
  at(request: DocumentPosition & { readonly explicit: boolean }, settingsKey: string): EarlierOutputNow {
    this.pausing.abort(USER_GOES_ON);
    this.pausing = new AbortController();
    this.pausedIn = request.document;
    const since = new TypedSince(request);
    const accepted = this.takeAccepted(since);
    const ghostText = request.explicit ? undefined : this.currentGhostText(since, settingsKey);
    const { running } = this;
    const joinable = !request.explicit && running?.isJoinable(since, settingsKey) ? running : undefined;
    if (!joinable && !(ghostText && running?.purpose === 'speculative')) this.stop();
    return { since, accepted, ghostText, joinable };
  }

  /** A document changed. A decode that the change diverges from stops. */
  edited(document: string, inserted: string, removedChars: number): void {
    if (document === this.pausedIn) this.pausing.abort(USER_GOES_ON);
    const { running } = this;
    if (running?.plan.request.document === document && !running.survives(inserted, removedChars)) this.stop();
  }

  /** The engine is needed for something else. */
  interrupt(): void {
    this.pausing.abort(USER_GOES_ON);
    this.stop();
  }

  /** The decode that is under way now. One at a time: another stops. */
  begin(start: () => InFlightCompletion): InFlightCompletion {
    this.stop();
    return (this.running = start());
  }

  /** A decode has ended, by itself or because it was stopped. */
  end(inFlight: InFlightCompletion): void {
    if (this.running === inFlight) this.running = undefined;
  }

  add(generation: Generation, settingsKey: string): void {
    const { purpose, position } = generation;
    if (purpose === 'requested') this.lastRequested = generation;
    if (!isSuggesting(generation)) return;
    this.generations = [generation, ...this.generations].slice(0, CAPACITY);
    if (purpose === 'refinement') this.prepare(generation, settingsKey);
    if (purpose !== 'requested') return;
    this.show(generation, position, settingsKey, { isNew: true });
    this.awaited = generation;
  }

  /**
   * A suggestion is on the screen from now on.
   * @param isNew a decode has just produced it, so that its work is still to be reported
   */
  show(generation: Suggesting, { prefix }: DocumentPosition, settingsKey: string, { isNew = false } = {}): void {
    if (generation === this.ghostText?.refinement) this.awaited = generation;
    this.ghostText = { generation, settingsKey, shownAt: prefix };
    this.unreported = isNew ? generation : undefined;
  }

  /** A larger submodel's suggestion is ready to take the place of the one on the screen. */
  prepare(refinement: Suggesting, settingsKey: string): void {
    if (this.ghostText?.settingsKey === settingsKey) this.ghostText = { ...this.ghostText, refinement };
  }

  /** What remains of the suggestion on the screen, or of the refinement that takes its place now. */
  currentGhostText(since: TypedSince, settingsKey: string): Shown | undefined {
    const now = this.ghostText && currentGhostText(this.ghostText, since, settingsKey);
    if (!now) return undefined;
    // The submodel that wrote what is on the screen gets the credit.
    if (now.ghostText.generation !== this.ghostText?.generation) this.awaited = now.ghostText.generation;
    this.ghostText = now.ghostText;
    const { generation, suggestion } = now;
    const work = this.unreported === generation ? generation.work : undefined;
    this.unreported = undefined;
    return { generation, suggestion, work };
  }

  /** What remains of a generation that a plan would only repeat. */
  cached(since: TypedSince, plan: Plan): Remaining | undefined {
    const cached = findCached(this.generations, since, plan.cacheKey);
    if (cached || !plan.request.explicit) return cached;
    return this.ghostText && readyRefinement(this.ghostText, since, plan);
  }

  /** Whether a plan would only repeat a prediction that was rejected for low confidence. */
  isKnownUnsure(since: TypedSince, plan: Plan, weights: readonly number[] | undefined): boolean {
    return this.lastRequested !== undefined && isKnownUnsure(this.lastRequested, since, plan, weights);
  }

  /** Whether something else was typed on this line than the model wrote for the last request. */
  hasDiverged(since: TypedSince): boolean {
    return this.lastRequested !== undefined && hasDiverged(this.lastRequested, since);
  }

  private takeAccepted(since: TypedSince): Accepted | undefined {
    const generation = this.awaited;
    const outcome = generation && acceptanceOutcome(generation, since);
    if (!outcome || outcome.kind === 'open') return undefined;
    this.awaited = undefined;
    return outcome.kind === 'settled' && outcome.characters > 0
      ? { generation, characters: outcome.characters }
      : undefined;
  }

  /** Forget everything, because another model or other settings would write something else. */
  clear(): void {
    this.interrupt();
    this.generations = [];
    this.lastRequested = undefined;
    this.ghostText = undefined;
    this.awaited = undefined;
    this.unreported = undefined;
  }

  private stop(): void {
    this.running?.stop();
    this.running = undefined;
  }
}
