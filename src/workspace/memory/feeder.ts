import type { DocumentId, EngineMemory, MemoryPlace, MemoryStats } from '../../engine/memory';
import type { Clock } from '../../machine/clock';
import type { Quotable } from '../filePolicy';
import { Agenda } from './agenda';
import { Contents, type KnownFile } from './contents';
import type { LineChange } from './editedLines';
import { unfitName, unfitText } from './fitness';
import { Forgetting } from './forgetting';
import { type FileId, folderOf, isSame, Nearness, NO_SURROUNDINGS, type Surroundings } from './nearness';
import { Rest } from './rest';
import { countLeftOut, type MemorySummary } from './summary';
import { type Folders, MAX_FILES, Walk } from './walk';

export interface FeederParts {
  readonly folders: Folders;
  /** The folders of the workspace. */
  readonly roots: () => readonly FileId[];
  /**
   * The text of a file, or why it may not be remembered. No edit of the file may be reported between the moment of its text
   * and that of the answer.
   */
  readonly read: (file: FileId) => Promise<Quotable>;
  /** Whether the name and the rules of a file let it be remembered: asked again after a change of rules. */
  readonly mayRemember: (file: FileId) => Promise<boolean>;
  readonly clock: Clock;
  /** The share of the time that work in the background may take now, more than 0 and at most 1. */
  readonly share: () => number;
  readonly budgetBytes: number;
  /** The summary has changed. */
  readonly onChange: () => void;
  /** Something was forgotten that must not be shown any more, so what was generated with it should go too. */
  readonly onForbidden: () => void;
  /** Nothing is left to do for now. */
  readonly onIdle: () => void;
  /** Work failed, and goes on with the next. */
  readonly onFault: (fault: unknown) => void;
}

/** So many steps are done without pauses: enough to read about twenty files, those that the user works with first. */
const STEPS_AT_ONCE = 60;
/** Work on many files without a pause. */
const SLICE_MS = 2;
const ALL_LINES = [0, 2 ** 31 - 1] as const;
/** A typed text waits at most so much longer. */
const MAX_PAUSE_MS = 500;

/**
 * Keeps the memory of an engine equal to the texts of the workspace that may be remembered: the nearest files first, one
 * after the other, and in the background only a share of the time. What may no longer be remembered is forgotten at once.
 */
export class MemoryFeeder {
  private readonly contents: Contents;
  private readonly agenda: Agenda;
  private surroundings = NO_SURROUNDINGS;
  private nearness = new Nearness(NO_SURROUNDINGS);
  private walk: Walk | undefined;

  private memory: EngineMemory | undefined;
  private isOn: boolean;
  private isUnavailable = false;
  /** Whether nothing has changed since `onIdle`. */
  private isReported = false;
  private stats: MemoryStats = { documents: 0, tokens: 0, bytes: 0 };
  /** One for each time that the memory began empty; the work of earlier times has no effect. */
  private run: object | undefined;
  private steps = 0;
  /** A document that is on its way to the engine: the memory may have the text before it or this one. */
  private sent: DocumentId | undefined;
  private changes = 0;
  /** Grows with each change of rules. */
  private rules = 0;
  /** The rules for which `unchecked` was filled: many changes at once fill it once. */
  private followedRules = 0;
  private readonly unchecked = new Set<FileId>();
  /** Deleted folders of known files. */
  private readonly gone = new Set<FileId>();
  private readonly forgetting: Forgetting;
  private readonly rest: Rest;

  constructor(
    private readonly parts: FeederParts,
    isOn = true,
  ) {
    this.isOn = isOn;
    this.contents = new Contents(this.nearness, parts.budgetBytes);
    this.agenda = new Agenda(this.nearness, parts.clock.now);
    this.rest = new Rest(parts.clock);
    this.forgetting = new Forgetting({
      onStats: (stats, memory) => {
        if (!this.run || this.memory !== memory) return;
        this.stats = stats;
        parts.onChange();
      },
      onFault: (fault, memory) => {
        // Otherwise the engine has gone, and its memory with it.
        if (this.memory === memory) parts.onFault(fault);
      },
    });
  }

  get summary(): MemorySummary {
    const isWorking = this.isUnavailable ? 'unavailable' : this.memory ? 'on' : 'waiting';
    return {
      state: this.isOn ? isWorking : 'off',
      files: this.contents.countOf('remembered'),
      leftOut: countLeftOut((reason) => this.contents.countOf(reason)),
      bytes: this.stats.bytes,
      unread: this.agenda.size,
      isTruncated: this.walk?.isTruncated ?? false,
    };
  }

  /** An engine has an empty memory, or none has any more if it is undefined. What the last one knew has gone with it. */
  attach(memory: EngineMemory | undefined): void {
    this.memory = memory;
    this.isUnavailable = false;
    this.restart();
  }

  /** A part of the memory is empty, so it needs all texts again. They stay remembered meanwhile. */
  again(): void {
    for (const file of this.contents.unsettle()) this.agenda.add(file);
    this.rest.wake();
  }

  /** If it is off, everything is forgotten at once. */
  setOn(isOn: boolean): void {
    if (isOn === this.isOn) return;
    this.isOn = isOn;
    if (!isOn) {
      this.forget([...this.contents.known].map(({ document }) => document));
      this.parts.onForbidden();
    }
    this.restart();
  }

  /** The user works with these files. */
  setSurroundings(surroundings: Surroundings): void {
    // The editor also tells that a tab has changed when its document is typed in or saved.
    if (!isSame(surroundings, this.surroundings)) this.rankBy(surroundings);
    if (!this.run) return;
    this.meetRecent();
    // Only a part of the workspace is known yet, or ever, and the user has left it.
    const { active } = surroundings;
    const { walk } = this;
    if (active !== undefined && walk?.hasMissed(active) === true) this.beginWalk();
    this.rest.wake();
  }

  /**
   * The text of an open document has changed.
   * @param isTyped whether the user did it, and not because the file has changed on the disk
   */
  edited(file: FileId, changes: readonly LineChange[], isTyped: boolean): void {
    if (!this.run) return;
    for (const change of changes) this.contents.get(file)?.edits.add(change);
    if (isTyped) this.agenda.typed(file);
    else this.agenda.changed(file);
    this.rest.wake();
  }

  /** Whether a change of a file is of no interest, because the file is not known and will not be. */
  isUnwanted(file: FileId): boolean {
    if (!this.run) return true;
    if (this.contents.get(file)) return false;
    return this.contents.size + this.agenda.size >= MAX_FILES || this.walk?.skips(file) === true;
  }

  /** A file or folder has come into being, or a file has changed on the disk. */
  changed(file: FileId): void {
    if (this.isUnwanted(file)) return;
    this.agenda.changed(file);
    this.rest.wake();
  }

  /** A file has gone, or a folder with all its files, or is no document any more. */
  deleted(file: FileId): void {
    if (this.contents.get(file)) {
      this.drop(file);
      return;
    }
    this.agenda.gone(file);
    // Most are files that tools make for a moment.
    if (!this.contents.hasFolder(file)) return;
    // Many folders are deleted together.
    if (this.gone.size === 0) {
      queueMicrotask(() => {
        this.dropBelow();
      });
    }
    this.gone.add(file);
  }

  /** What may be remembered, or what the workspace is, has changed. */
  rulesChanged(): void {
    this.rules++;
    this.rest.wake(true);
  }

  /** Grows when files other than the active one are remembered, and when any is forgotten. */
  get revision(): number {
    return this.changes;
  }

  /** For a request. @param line of the cursor */
  placeOf(file: FileId, line: number): MemoryPlace {
    const known = this.contents.get(file);
    if (known?.state !== 'remembered') return {};
    const { document, edits } = known;
    return { document, hiddenLines: document === this.sent ? ALL_LINES : edits.remembered(line) };
  }

  dispose(): void {
    this.isOn = false;
    this.attach(undefined);
  }

  private restart(): void {
    this.contents.clear();
    this.agenda.clear();
    this.unchecked.clear();
    this.stats = { documents: 0, tokens: 0, bytes: 0 };
    this.steps = 0;
    this.run = undefined;
    this.rest.wake();
    if (this.memory && this.isOn) {
      this.run = {};
      this.meetRecent();
      this.beginWalk();
      void this.work(this.memory, this.run);
    }
    this.changedSummary();
  }

  private rankBy(surroundings: Surroundings): void {
    this.surroundings = surroundings;
    this.nearness = new Nearness(surroundings);
    this.agenda.rankBy(this.nearness);
    this.contents.rankBy(this.nearness);
    for (const file of this.contents.rivals) this.agenda.add(file);
  }

  private beginWalk(): void {
    const { folders, roots } = this.parts;
    const { active } = this.surroundings;
    this.walk = new Walk(folders, this.nearness, roots(), active === undefined ? undefined : folderOf(active));
  }

  private meetRecent(): void {
    for (const file of this.surroundings.recent) if (!this.contents.get(file)) this.meet(file);
  }

  private meet(file: FileId): void {
    if (this.contents.get(file)) return;
    this.contents.meet(file);
    this.agenda.add(file);
  }

  /** One step after the other, until the memory is another. */
  private async work(memory: EngineMemory, run: object): Promise<void> {
    const { clock, share, onIdle, onFault } = this.parts;
    let wasIdle = false;
    while (this.run === run && !this.isUnavailable) {
      const startMs = clock.now();
      let did: Step = 'background';
      try {
        did = await this.step(memory, run);
      } catch (fault) {
        // The engine has gone, or a reader failed unexpectedly.
        if (this.run === run) onFault(fault);
      }
      if (this.run !== run) break;
      if (did === 'nothing') {
        if (!wasIdle || (!this.isReported && this.idleMs === Infinity)) {
          this.isReported = true;
          onIdle();
        }
        wasIdle = true;
        await this.rest.sleep(this.idleMs);
        continue;
      }
      wasIdle = false;
      const workMs = clock.now() - startMs;
      await this.rest.pause(did === 'background' ? Math.min(MAX_PAUSE_MS, workMs * (1 / share() - 1)) : 0);
    }
    if (this.run === run) onIdle(); // the engine has no memory
  }

  private async step(memory: EngineMemory, run: object): Promise<Step> {
    if (this.followedRules !== this.rules) {
      this.followedRules = this.rules;
      for (const { id, state } of this.contents.known) if (state === 'remembered') this.unchecked.add(id);
      this.beginWalk();
    }
    if (this.unchecked.size > 0) {
      await this.check(run);
      return 'at once';
    }
    const typed = this.agenda.dueText;
    if (typed !== undefined) {
      await this.read(typed, memory, run);
      return 'at once';
    }
    const { nearest } = this.agenda;
    const rank = nearest === undefined ? Infinity : this.nearness.rankOf(nearest);
    const how = this.steps++ < STEPS_AT_ONCE ? 'at once' : 'background';
    if (this.walk && this.walk.rank < Infinity && this.walk.rank <= rank) {
      await this.walkOn(this.walk, run);
      return how;
    }
    if (nearest !== undefined) {
      await this.read(nearest, memory, run);
      return how;
    }
    return 'nothing';
  }

  /** After a change of rules: forget what may no longer be remembered before anything else is done. */
  private async check(run: object): Promise<void> {
    const { clock, mayRemember } = this.parts;
    const endMs = clock.now() + SLICE_MS;
    for (const file of this.unchecked) {
      const { rules } = this;
      const may = await mayRemember(file).catch(() => false);
      if (this.run !== run) return;
      if (rules !== this.rules) continue; // it is among the unchecked again
      this.unchecked.delete(file);
      if (!may) this.forbid(file);
      if (clock.now() >= endMs) return;
    }
  }

  private async walkOn(walk: Walk, run: object): Promise<void> {
    const files = await walk.next(this.contents.size);
    if (this.run !== run || this.walk !== walk) return;
    for (const file of files) this.meet(file);
    const all = walk.takeAll();
    if (!all) return;
    // What was not found has gone, or is too far.
    const recent = new Set(this.surroundings.recent);
    for (const { id } of [...this.contents.known]) if (!all.has(id) && !recent.has(id)) this.drop(id);
  }

  private async read(file: FileId, memory: EngineMemory, run: object): Promise<void> {
    this.agenda.done(file);
    const known = this.contents.meet(file);
    const unfit = unfitName(file);
    if (unfit !== undefined || this.contents.isCrowdedOut(file)) {
      this.leaveOut(file, unfit ?? 'over the budget');
      return;
    }
    const { rules } = this;
    const answer = await this.parts.read(file);
    if (this.run !== run || this.contents.get(file) !== known) return;
    if (rules !== this.rules) {
      this.agenda.add(file);
      return;
    }
    if ('text' in answer) {
      this.walk?.found(file);
      await this.remember(known, answer.text, memory, run);
    } else if (answer.reason === 'missing' || answer.reason === 'ignored') {
      if (answer.reason === 'ignored') this.forbid(file);
      else this.drop(file);
      // It may be a folder that came into being.
      if (answer.reason === 'missing') this.walk?.revisit(file);
    } else {
      if (answer.reason === 'secret') this.forbid(file);
      this.leaveOut(file, answer.reason);
    }
  }

  private async remember(
    { id, document, edits }: KnownFile,
    text: string,
    memory: EngineMemory,
    run: object,
  ): Promise<void> {
    if (this.contents.has(id, text)) {
      edits.clear();
      return;
    }
    const unfit = unfitText(text);
    const { gone, fits } = unfit === undefined ? this.contents.makeRoom(id, text) : { gone: [], fits: false };
    this.forget(gone);
    if (!fits) {
      this.leaveOut(id, unfit ?? 'over the budget');
      return;
    }
    this.contents.remember(id, text);
    this.forgetting.send();
    let stats: MemoryStats;
    this.sent = document;
    try {
      stats = await memory.remember(document, text).finally(() => {
        this.sent = undefined;
      });
    } catch (fault) {
      if (this.run === run) this.contents.leaveOut(id, undefined);
      throw fault;
    }
    if (this.run !== run) return;
    if (id !== this.surroundings.active) this.changes++;
    this.stats = stats;
    this.contents.learn(stats);
    this.isUnavailable = stats.documents === 0 && this.contents.get(id)?.state === 'remembered';
    this.changedSummary();
  }

  private leaveOut(file: FileId, reason: Parameters<Contents['leaveOut']>[1]): void {
    this.forget(this.contents.leaveOut(file, reason));
    this.changedSummary();
  }

  /** The file may not be remembered. */
  private forbid(file: FileId): void {
    const isNews = this.contents.get(file)?.state === 'remembered';
    this.drop(file);
    if (isNews) this.parts.onForbidden();
  }

  private changedSummary(): void {
    this.isReported = false;
    this.parts.onChange();
  }

  private drop(file: FileId): void {
    this.agenda.gone(file);
    this.unchecked.delete(file);
    this.forget(this.contents.drop(file));
    this.changedSummary();
    this.rest.wake();
  }

  private dropBelow(): void {
    const gone = [...this.contents.known].filter(({ id }) => {
      for (let folder = folderOf(id); folder !== ''; folder = folderOf(folder)) if (this.gone.has(folder)) return true;
      return false;
    });
    this.gone.clear();
    for (const { id } of gone) this.drop(id);
  }

  private forget(documents: readonly DocumentId[]): void {
    if (documents.length > 0) this.changes++;
    if (this.memory) this.forgetting.add(this.memory, documents);
  }

  /** How long there is nothing to do. */
  private get idleMs(): number {
    // Something may have happened since the last step.
    if (this.followedRules !== this.rules) return 0;
    if (this.unchecked.size > 0 || this.agenda.nearest !== undefined || (this.walk && this.walk.rank < Infinity))
      return 0;
    return this.agenda.nextMs - this.parts.clock.now();
  }
}

/** What a step did; work in the background is followed by a pause. */
type Step = 'at once' | 'background' | 'nothing';
