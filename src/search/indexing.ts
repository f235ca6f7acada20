import { resolve } from 'node:path';
import { type Machine, UNKNOWN_MACHINE } from '../governor/machine';
import { messageOf } from '../matlm/errors';
import { FilePolicy } from '../workspace/filePolicy';
import { isSame, NO_SURROUNDINGS, type Surroundings } from '../workspace/memory/nearness';
import { Rest } from '../workspace/memory/rest';
import type { LocalSearchParts } from './kinds';
import { type Built, openRoot, release, type Root, type SearchRoot } from './root';
import type { SearchState } from './search';
import { removeAbandoned, removePartials } from './storage';
import { type When, whenOf } from './when';

/** All roots together. */
const MAX_ROWS = 100_000;
/** A file that has gone may come back under another name. */
const SETTLE_MS = 2000;
/** Between two looks at an index that another program builds. */
const OTHERS_MS = 5000;
const RENEW_MS = 60_000;
const TELL_MS = 200;
const AFTER_FAULT_MS = 2000;
const MAX_FAULTS = 5;
const NEVER = new AbortController().signal;

/**
 * Keeps the indexes of all workspace folders up to date. One loop builds them a step at a time, at moments that `whenOf` allows; a key or a
 * query interrupts the step. All files are read before any is embedded, because then they are found by their words.
 */
export class Indexing {
  private readonly policy: FilePolicy;
  private all: Root[] = [];
  private readonly rest: Rest;
  private readonly listeners = new Set<() => void>();
  private readonly said = new Set<string>();
  private machine: Machine = UNKNOWN_MACHINE;
  private surroundings: Surroundings = NO_SURROUNDINGS;
  private keyMs = -Infinity;
  private queryMs = -Infinity;
  private isCompleting = false;
  private isAsked = false;
  /** Whether files were read in the turn before. */
  private isReading = false;
  private queries = 0;
  private turn = new AbortController();
  private current: SearchState = { state: 'starting' };
  private toldMs = -Infinity;
  private renewedMs = -Infinity;
  private isDisposed = false;
  private wakes = 0;
  private faults = 0;

  /** @param isOn whether the index is built without being asked for */
  constructor(
    protected readonly parts: LocalSearchParts,
    private isOn = true,
  ) {
    this.rest = new Rest(parts.clock);
    this.policy = new FilePolicy((message) => {
      this.say(message);
    });
    void removeAbandoned(parts.storage);
    void this.work();
  }

  protected get roots(): readonly Root[] {
    return this.all;
  }

  protected get state(): SearchState {
    return this.current;
  }

  /** The folders of the workspace. Resolves when what is stored of them was read, so that it can be searched. */
  async setRoots(roots: readonly SearchRoot[]): Promise<void> {
    const before = this.all;
    const kept = new Map(before.map((root) => [root.path, root]));
    this.all = [];
    const haveRulesChanged = roots.some(({ path, excludes = {} }) => {
      const known = kept.get(resolve(path));
      return known && JSON.stringify(excludes) !== JSON.stringify(known.excludes);
    });
    const opened = roots.map(async (root) => {
      const known = kept.get(resolve(root.path)) ?? (await this.open(root, roots.length));
      known.excludes = root.excludes ?? {};
      return known;
    });
    this.all = await Promise.all(opened);
    for (const root of before) if (!this.all.includes(root)) release(root);
    if (this.isDisposed) this.all.forEach(release);
    if (haveRulesChanged) await this.rulesChanged();
    this.wake();
  }

  /** @param listener called when the state or the progress is another @returns stops the calls */
  protected onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Build the index now, whatever it costs, until it is complete. */
  indexNow(): void {
    this.isAsked = true;
    this.wake();
  }

  /** Whether the index is built without being asked for. */
  setOn(isOn: boolean): void {
    this.isOn = isOn;
    this.wake();
  }

  /** The user has pressed a key in a document. The step in hand ends within milliseconds. */
  key(): void {
    this.keyMs = this.parts.clock.now();
    this.turn.abort();
  }

  setMachine(machine: Machine): void {
    this.machine = machine;
    if (!this.when(false).isNow) this.turn.abort();
  }

  /** Whether the engine reads or writes for a suggestion. */
  setCompleting(isCompleting: boolean): void {
    this.isCompleting = isCompleting;
    if (isCompleting) this.turn.abort();
    else this.wake();
  }

  setSurroundings(surroundings: Surroundings): void {
    if (isSame(surroundings, this.surroundings)) return;
    this.surroundings = surroundings;
    for (const { indexes } of this.all) for (const index of indexes) index.setSurroundings(surroundings);
    this.wake();
  }

  /** Files or folders have changed or come into being. @param paths absolute, with forward slashes */
  changed(paths: readonly string[]): void {
    for (const { indexes } of this.all) for (const index of indexes) for (const path of paths) index.changed(path);
    this.wake();
  }

  /** Files or folders have gone. @param paths absolute, with forward slashes */
  deleted(paths: readonly string[]): void {
    for (const { indexes } of this.all) for (const index of indexes) for (const path of paths) index.deleted(path);
    this.wake();
  }

  /** An ignore file has changed. Resolves when nothing of what it forbids can be found any more. */
  async rulesChanged(): Promise<void> {
    this.policy.forget();
    await Promise.all(this.all.flatMap(({ indexes }) => indexes.map((index) => index.rulesChanged())));
    this.wake();
  }

  /** Resolves when every file is in the index and the index is stored, or at once if it cannot be built here. */
  whenComplete(signal: AbortSignal = NEVER): Promise<void> {
    return this.until(() => false, signal);
  }

  /** Resolves when every file is found by its words, or at once if the index cannot be built here. */
  whenRead(signal: AbortSignal = NEVER): Promise<void> {
    return this.until(() => this.all.every(({ indexes }) => indexes.every(({ isRead }) => isRead)), signal);
  }

  /** @param isEnough whether a state before that of completion will do */
  private async until(isEnough: () => boolean, signal: AbortSignal): Promise<void> {
    await new Promise<void>((done, fail) => {
      const stop = this.onChange(() => {
        const now = this.state;
        const isOver =
          now.state === 'ready' ||
          now.state === 'unavailable' ||
          (now.state === 'waiting' && now.for === 'another window') ||
          isEnough();
        if (isOver) end();
      });
      const abort = () => {
        stop();
        fail(signal.reason as Error);
      };
      const end = () => {
        stop();
        signal.removeEventListener('abort', abort);
        done();
      };
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
      else if (this.current.state === 'unavailable' || isEnough()) end();
      this.wake();
    });
  }

  /** Stores what is not stored yet, and gives up the locks. */
  async dispose(): Promise<void> {
    this.isDisposed = true;
    this.turn.abort();
    this.wake();
    for (const root of this.all) {
      if (root.isMine) for (const index of root.indexes) await index.settle();
      release(root);
    }
  }

  /** A query begins; it interrupts the step in hand. @returns ends it */
  protected query(): () => void {
    this.queries++;
    this.turn.abort();
    return () => {
      this.queries--;
      this.queryMs = this.parts.clock.now();
      this.wake();
    };
  }

  private open(root: SearchRoot, roots: number): Promise<Root> {
    const { parts, policy, surroundings } = this;
    const say = (line: string) => {
      this.say(line);
    };
    return openRoot(root, { parts, policy, surroundings, maxRows: Math.floor(MAX_ROWS / roots), say });
  }

  private when(isReading: boolean): When {
    const { machine, isCompleting, isAsked } = this;
    const now = this.parts.clock.now();
    return whenOf({
      ...{ isReading, machine, isCompleting, isAsked },
      sinceKeyMs: now - this.keyMs,
      sinceQueryMs: now - this.queryMs,
    });
  }

  private async work(): Promise<void> {
    while (!this.isDisposed) {
      try {
        const { wakes } = this;
        const sleepMs = await this.turnOnce();
        // What has happened during the turn is seen by the next one.
        if (sleepMs > 0 && wakes === this.wakes) await this.rest.sleep(sleepMs);
      } catch (fault) {
        if (this.isInterrupted) continue;
        this.say(`the index: ${messageOf(fault)}`);
        if (++this.faults >= MAX_FAULTS) {
          this.set({ state: 'unavailable', fault: messageOf(fault) });
          return;
        }
        await this.rest.sleep(AFTER_FAULT_MS);
      }
    }
  }

  /** One step, if this is the moment for one. @returns how long nothing is to be done, unless it is woken */
  private async turnOnce(): Promise<number> {
    if (this.queries > 0 || this.all.length === 0) return Infinity;
    if (!this.isOn && !this.isAsked) {
      this.set({ state: 'off' });
      return Infinity;
    }
    this.turn = new AbortController();
    const { signal } = this.turn;
    const reading = this.when(true);
    if (!reading.isNow) return this.waits(reading);
    const mine: Root[] = [];
    for (const root of this.all) if (await this.isMine(root)) mine.push(root);
    if (await this.step(mine, (index) => index.readNext())) {
      this.isReading = true;
      return 0;
    }
    if (this.isReading) this.set(this.current, true);
    this.isReading = false;
    const embedding = this.when(false);
    if (!embedding.isNow) return this.waits(embedding);
    if (await this.step(mine, (index) => index.embedNext(signal))) return 0;
    return this.rested(mine.length < this.all.length);
  }

  /** @returns whether there was something to do */
  private async step(roots: readonly Root[], act: (index: Built) => Promise<boolean>): Promise<boolean> {
    for (const index of roots.flatMap(({ indexes }) => indexes)) {
      if (!(await act(index))) continue;
      this.faults = 0;
      this.set({ state: 'indexing' });
      return true;
    }
    return false;
  }

  /** @returns for how long */
  private waits({ for: reason, retryMs }: When & { readonly isNow: false }): number {
    const isDone = this.all.every(({ isMine, indexes }) => isMine && indexes.every(({ isComplete }) => isComplete));
    if (!isDone) this.set({ state: 'waiting', for: reason });
    return retryMs;
  }

  /** Nothing is left to do. */
  private async rested(isOthers: boolean): Promise<number> {
    if (!this.isAsked) await this.rest.sleep(SETTLE_MS);
    const mine = this.all.filter(({ isMine }) => isMine).flatMap(({ indexes }) => indexes);
    if (this.isDisposed || mine.some(({ isComplete }) => !isComplete)) return 0;
    for (const index of mine) await index.settle();
    this.isAsked = false;
    this.set(isOthers ? { state: 'waiting', for: 'another window' } : { state: 'ready' }, true);
    return isOthers ? OTHERS_MS : Infinity;
  }

  /** Whether this process builds the index of a root. Otherwise what the other one has stored is read from time to time. */
  private async isMine(root: Root): Promise<boolean> {
    const now = this.parts.clock.now();
    if (root.isMine) {
      if (now - this.renewedMs > RENEW_MS) {
        for (const { isMine, lock } of this.all) if (isMine) lock.renew();
        this.renewedMs = now;
      }
      return true;
    }
    if (now - root.lookedMs < OTHERS_MS) return false;
    root.lookedMs = now;
    try {
      root.isMine = root.lock.take();
      if (root.isMine) await removePartials(root.store);
    } catch (error) {
      // Nothing can be stored, as the first attempt will say.
      this.say(`the index of ${root.path} is not stored: ${messageOf(error)}`);
      root.isMine = true;
    }
    for (const index of root.indexes) await index.load();
    return root.isMine;
  }

  private set(state: SearchState, isSure = false): void {
    const now = this.parts.clock.now();
    const isNews = state.state !== this.current.state;
    this.current = state;
    if (!isNews && !isSure && now - this.toldMs < TELL_MS) return;
    this.toldMs = now;
    for (const listener of [...this.listeners]) listener();
  }

  private get isInterrupted(): boolean {
    return this.turn.signal.aborted;
  }

  /** There may be something to do. */
  private wake(): void {
    this.wakes++;
    this.rest.wake(true);
  }

  private say(line: string): void {
    if (this.said.has(line)) return;
    this.said.add(line);
    this.parts.say(line);
  }
}
