import type { Clock } from '../../machine/clock';
import { type InTurn, URGENCIES, type Urgency } from '../engine';

/** A piece of work for the engine. */
export interface Job {
  /** Whose it is: windows get equal shares of the engine's time. */
  readonly owner: string;
  readonly urgency: Urgency;
  /**
   * Do it, or go on with it.
   * @param yields asks it to stop soon, because something more urgent waits
   * @returns whether it is done. If not, it gets another turn
   */
  run(yields: AbortSignal): Promise<boolean>;
}

interface Waiting {
  readonly job: Job;
  /** Increases with each job. One that has yielded keeps its own. */
  readonly order: number;
}

interface Running extends Waiting {
  readonly yields: AbortController;
}

/** With a reason, because without one every abort creates an error with its stack. */
const YIELDS = 'a more urgent request waits';
/** The share of the engine that a window has had counts half as much after this time. */
const HALF_LIFE_MS = 10_000;

/**
 * Decides which job the process does next, one at a time, because all engines share the same cores. The most urgent comes
 * first, and a running one that is less urgent yields to it. Among equals it is the job of the window that used the
 * engine least in the last seconds, and the oldest of that window.
 */
export class Scheduler {
  private readonly waiting = new Set<Waiting>();
  private running: Running | undefined;
  private nextOrder = 0;
  /** Milliseconds of the engine's time by owner, and when that was so. */
  private readonly used = new Map<string, { readonly ms: number; readonly atMs: number }>();

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  /** Whether anything runs or waits. */
  get isIdle(): boolean {
    return this.running === undefined && this.waiting.size === 0;
  }

  /** @returns takes the job back, if it waits: `run` is not called again then */
  add(job: Job): () => void {
    const entry = { job, order: this.nextOrder++ };
    this.waiting.add(entry);
    if (this.running && rank(job) < rank(this.running.job)) this.running.yields.abort(YIELDS);
    this.next();
    return () => {
      // It may have yielded and wait again by now.
      for (const other of this.waiting) if (other.order === entry.order) this.waiting.delete(other);
    };
  }

  /**
   * Runs each piece of work as a job that does not yield.
   * @param onStep is called whenever one has come a step further, and when it has ended
   */
  inTurn(owner: string, urgency: Urgency, onStep: () => void = () => undefined): InTurn {
    return (work) =>
      new Promise((resolve, reject) => {
        this.add({
          owner,
          urgency,
          run: async () => {
            await work(onStep).then(resolve, reject);
            onStep();
            return true;
          },
        });
      });
  }

  /** A window has gone. */
  forget(owner: string): void {
    this.used.delete(owner);
  }

  private next(): void {
    if (this.running) return;
    const entry = this.choose();
    if (!entry) return;
    this.waiting.delete(entry);
    const running = { ...entry, yields: new AbortController() };
    this.running = running;
    void this.run(running);
  }

  private async run(running: Running): Promise<void> {
    const { job, order, yields } = running;
    const startMs = this.clock.now();
    // A job reports its own faults. One that throws would stop all others.
    const isDone = await job.run(yields.signal).catch(() => true);
    const nowMs = this.clock.now();
    this.used.set(job.owner, { ms: this.usedBy(job.owner, nowMs) + nowMs - startMs, atMs: nowMs });
    if (!isDone) this.waiting.add({ job, order });
    this.running = undefined;
    this.next();
  }

  private choose(): Waiting | undefined {
    const nowMs = this.clock.now();
    let best: Waiting | undefined;
    for (const entry of this.waiting) if (!best || this.isBefore(entry, best, nowMs)) best = entry;
    return best;
  }

  private isBefore(a: Waiting, b: Waiting, nowMs: number): boolean {
    if (rank(a.job) !== rank(b.job)) return rank(a.job) < rank(b.job);
    if (a.job.owner === b.job.owner) return a.order < b.order;
    const used = this.usedBy(a.job.owner, nowMs) - this.usedBy(b.job.owner, nowMs);
    return used === 0 ? a.order < b.order : used < 0;
  }

  private usedBy(owner: string, nowMs: number): number {
    const used = this.used.get(owner);
    return used ? used.ms * 2 ** ((used.atMs - nowMs) / HALF_LIFE_MS) : 0;
  }
}

function rank({ urgency }: Job): number {
  return URGENCIES.indexOf(urgency);
}
