import { USER_CONTINUES } from '../abort';
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

/** Number of generations in the cache. */
const CAPACITY = 50;

/** A suggestion whose end is known: the document now holds so many of its characters, all, those of its first lines, or 0. */
export interface Settled {
  readonly generation: Suggesting;
  readonly characters: number;
}

/** The rest of a suggestion that is shown. */
export interface Shown extends Remaining {
  /** Its cost, for the first request that shows it, because the request that started it may have been cancelled. */
  readonly work: Work | undefined;
}

/** The earlier output that applies to a request, as far as that is known without a plan. */
export interface EarlierOutputNow {
  readonly since: TypedSince;
  /** The suggestion that became text of the document, or did not. It is reported once. */
  readonly settled: Settled | undefined;
  /** The rest of the ghost text; undefined for a request by hand, which gets a fresh answer. */
  readonly ghostText: Shown | undefined;
  /** The running decode, if it may answer the request. */
  readonly joinable: InFlightCompletion | undefined;
}

/**
 * Everything that was generated earlier or is being generated now. This class keeps the records. Each question about them
 * is a function in a file of its own, which takes the text typed since.
 */
export class EarlierOutput {
  /** Generations with a suggestion, the latest first. */
  private generations: readonly Suggesting[] = [];
  /** The latest generation that a request waited for, shown or not. */
  private lastRequested: Generation | undefined;
  private ghostText: GhostText | undefined;
  /** The suggestion whose acceptance outcome is not known yet. */
  private awaited: Suggesting | undefined;
  /** The shown generation, if no outcome has reported its work yet. */
  private unreported: Suggesting | undefined;
  private running: InFlightCompletion | undefined;
  private pausing = new AbortController();
  /** The document in which the user pauses. Others, such as logs, may change during the pause. */
  private pausedIn: string | undefined;

  get inFlight(): InFlightCompletion | undefined {
    return this.running;
  }

  /** The generation of the current or the last ghost text. */
  get onScreen(): Suggesting | undefined {
    return this.ghostText?.generation;
  }

  /** Aborted by the next request, or by an edit of the document. */
  get pause(): AbortSignal {
    return this.pausing.signal;
  }

  /**
   * The earlier output that applies to a request. The running decode stops if it cannot answer the request. A speculative
   * one continues if the ghost text answers it, because it may answer the next request.
   */
  at(request: DocumentPosition & { readonly explicit: boolean }, settingsKey: string): EarlierOutputNow {
    this.pausing.abort(USER_CONTINUES);
    this.pausing = new AbortController();
    this.pausedIn = request.document;
    const since = new TypedSince(request);
    const settled = this.takeSettled(since);
    const ghostText = request.explicit ? undefined : this.currentGhostText(since, settingsKey);
    const { running } = this;
    const joinable = !request.explicit && running?.isJoinable(since, settingsKey) ? running : undefined;
    if (!joinable && !(ghostText && running?.purpose === 'speculative')) this.stop();
    return { since, settled, ghostText, joinable };
  }

  /** A document changed. The running decode stops if it disagrees with the change. */
  edited(document: string, inserted: string, removedChars: number): void {
    if (document === this.pausedIn) this.pausing.abort(USER_CONTINUES);
    const { running } = this;
    if (running?.plan.request.document === document && !running.survives(inserted, removedChars)) this.stop();
  }

  /** The engine is needed for something else. */
  interrupt(): void {
    this.pausing.abort(USER_CONTINUES);
    this.stop();
  }

  /** Begin a decode. A running one is stopped. */
  begin(start: () => InFlightCompletion): InFlightCompletion {
    this.stop();
    return (this.running = start());
  }

  /** A decode has ended or was stopped. */
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
   * A suggestion becomes the ghost text.
   * @param isNew a decode has just produced it, so its work is still to be reported
   */
  show(generation: Suggesting, { prefix }: DocumentPosition, settingsKey: string, { isNew = false } = {}): void {
    if (generation === this.ghostText?.refinement) this.awaited = generation;
    this.ghostText = { generation, settingsKey, shownAt: prefix };
    this.unreported = isNew ? generation : undefined;
  }

  /** A refinement is ready to replace the ghost text. */
  prepare(refinement: Suggesting, settingsKey: string): void {
    if (this.ghostText?.settingsKey === settingsKey) this.ghostText = { ...this.ghostText, refinement };
  }

  /** The rest of the ghost text, or of the refinement that replaces it now. */
  currentGhostText(since: TypedSince, settingsKey: string): Shown | undefined {
    const now = this.ghostText && currentGhostText(this.ghostText, since, settingsKey);
    if (!now) return undefined;
    // The acceptance outcome counts for the submodel whose text is shown.
    if (now.ghostText.generation !== this.ghostText?.generation) this.awaited = now.ghostText.generation;
    this.ghostText = now.ghostText;
    const { generation, suggestion } = now;
    const work = this.unreported === generation ? generation.work : undefined;
    this.unreported = undefined;
    return { generation, suggestion, work };
  }

  /** The rest of a generation that a plan would only repeat. */
  cached(since: TypedSince, plan: Plan): Remaining | undefined {
    const cached = findCached(this.generations, since, plan.cacheKey);
    if (cached || !plan.request.explicit) return cached;
    return this.ghostText && readyRefinement(this.ghostText, since, plan);
  }

  /** Whether a plan would only repeat a prediction that was rejected for low confidence. */
  isKnownUnsure(since: TypedSince, plan: Plan, weights: readonly number[] | undefined): boolean {
    return this.lastRequested !== undefined && isKnownUnsure(this.lastRequested, since, plan, weights);
  }

  /** Whether the text typed on this line differs from the model's output for the last request. */
  hasDiverged(since: TypedSince): boolean {
    return this.lastRequested !== undefined && hasDiverged(this.lastRequested, since);
  }

  private takeSettled(since: TypedSince): Settled | undefined {
    const generation = this.awaited;
    const outcome = generation && acceptanceOutcome(generation, since);
    if (!outcome || outcome.kind === 'open') return undefined;
    this.awaited = undefined;
    return outcome.kind === 'settled' ? { generation, characters: outcome.characters } : undefined;
  }

  /** Forget everything, because the model or the settings have changed. */
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
