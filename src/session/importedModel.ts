import type { EngineState } from '../engine/client';
import { describeBackend, describeReport } from '../engine/describe';
import type { EngineInfo } from '../engine/engine';
import { CostModel } from '../governor/costs';
import type { Machine } from '../governor/machine';
import { english, type Phrase, phrase } from '../localisation/phrase';
import type { MachineMemory } from '../machine/memory';
import type { Checkpoint } from '../matlm/checkpoint';
import { messageOf } from '../matlm/errors';
import { usualCacheBytes } from '../matlm/shape';
import { submodelNames } from '../matlm/submodel';
import { EngineLease } from './engineLease';
import { residencyOf } from './residency';
import type { HardwareReport } from '../engine/hardware';
import type { EngineOptions, HardwareProbes, Log, SessionClock, SessionEngine } from './parts';

/** The imported model that the user wants to have beside the main one. */
export interface ImportedChoice {
  readonly folder: string;
  /** What the user calls it. Its XL has this name wherever sizes are named, and its L this name and `L`. */
  readonly name: string;
  /** Its bits per byte over those of the main model's XL, on the same text of the user; missing if not measured. */
  readonly relativeBits?: number | undefined;
  /** Another one after each import, measurement and search for sizes, which change its files. */
  readonly revision?: string;
}

/** The state of the imported model. Without it, the main model does everything alone. */
export type ImportedState =
  /** None is chosen. */
  | { readonly kind: 'none' }
  /** It waits for memory, a pause or the mains. */
  | { readonly kind: 'unloaded'; readonly reason: Phrase }
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready'; readonly info: EngineInfo }
  /** It is not loaded again before the next start. */
  | { readonly kind: 'failed'; readonly reason: string };

/** The model while it is loaded, for a pipeline and for whoever feeds the memory. */
export interface LoadedModel {
  readonly checkpoint: Checkpoint;
  readonly engine: EngineLease;
  readonly costs: CostModel;
  readonly memory: SessionEngine;
}

export interface ImportedModelParts {
  /** The user's choice; undefined for none. May reject. */
  readonly choice: () => Promise<ImportedChoice | undefined>;
  readonly threads: () => number;
  readonly openCheckpoint: (folder: string) => Promise<Checkpoint>;
  readonly createEngine: (options: EngineOptions) => SessionEngine;
  readonly probes: Pick<HardwareProbes, 'inBackground'>;
  /** Whether the user waits for nothing and the machine has time to spare. */
  readonly isQuiet: () => boolean;
  readonly clock: SessionClock;
  readonly log: Log;
  readonly machine: () => Machine;
  readonly memory: () => MachineMemory;
  readonly onLoaded: (model: LoadedModel) => void;
  /** It is not there any more: its decodes have ended. */
  readonly onGone: (model: LoadedModel) => void;
  /** Another backend runs it now, so its caches are empty. */
  readonly onReplaced: () => void;
  readonly onChange: () => void;
}

/** How often it is decided whether the model should be in memory. */
export const CHECK_MS = 2000;

/** One choice of a model, from its start to its stop. */
interface Run {
  readonly choice: ImportedChoice;
  readonly threads: number;
  checkpoint?: Checkpoint;
  engine?: SessionEngine | undefined;
  loaded?: LoadedModel | undefined;
  probe?: { stop(): void };
}

/**
 * An imported model beside the main one: loaded when memory and a pause permit it, and unloaded when memory is short or the
 * user is away. None of its faults reaches the main model.
 */
export class ImportedModel {
  private run: Run | undefined;
  private current: ImportedState = { kind: 'none' };
  private starts = 0;
  private isAsked = false;
  private lastKeyMs: number;
  private wake: () => void = () => undefined;

  constructor(private readonly parts: ImportedModelParts) {
    this.lastKeyMs = parts.clock.now();
  }

  get state(): ImportedState {
    return this.current;
  }

  /** The model while it is loaded. */
  get loaded(): LoadedModel | undefined {
    return this.run?.loaded;
  }

  get choice(): ImportedChoice | undefined {
    return this.run?.choice;
  }

  /** Follow the user's choice. The same one goes on as it is, unless it has failed. */
  async start(): Promise<void> {
    const start = ++this.starts;
    const { choice: choose, threads: threadsOf, log } = this.parts;
    let choice: ImportedChoice | undefined;
    try {
      choice = await choose();
    } catch (error) {
      if (start !== this.starts) return;
      this.stopRun();
      this.setState({ kind: 'failed', reason: messageOf(error) });
      return;
    }
    if (start !== this.starts) return;
    const threads = threadsOf();
    if (this.run && choice && isSame(this.run, choice, threads) && this.current.kind !== 'failed') return;
    this.stopRun();
    this.setState({ kind: 'none' });
    if (!choice) return;
    const run: Run = { choice, threads };
    this.run = run;
    void this.follow(run).catch((fault: unknown) => {
      log.error(`the imported model is no longer followed: ${messageOf(fault)}`);
    });
  }

  /** The user typed a key. */
  typed(timeMs: number): void {
    this.lastKeyMs = timeMs;
  }

  /** The user asked by hand: load the model now if memory permits it, for the next time. */
  asked(): void {
    if (!this.run || this.run.engine) return;
    this.isAsked = true;
    this.wake();
  }

  /** A probe of the hardware for this model has ended: use the fastest backend. */
  adopt(report: HardwareReport): void {
    this.run?.engine?.adopt(report);
  }

  /** @param isRestart it is started again, in a new process if no other window has this one */
  stop(isRestart = false): void {
    this.starts++;
    this.stopRun(isRestart);
    this.current = { kind: 'none' };
  }

  /** Decide again and again whether the model should be in memory. */
  private async follow(run: Run): Promise<void> {
    const { clock } = this.parts;
    const isOver = () => this.run !== run || this.current.kind === 'failed';
    while (!isOver()) {
      // No signal lives as long as the run, so that no wait leaves anything.
      const woken = new AbortController();
      this.wake = () => {
        woken.abort();
      };
      await this.check(run);
      if (isOver()) break;
      await clock.wait(CHECK_MS, woken.signal);
    }
  }

  private async check(run: Run): Promise<void> {
    const { machine, memory, clock, log } = this.parts;
    // A checkpoint is opened in a pause too, because a large vocabulary takes a while to read.
    const neededBytes = run.checkpoint ? bytesOf(run.checkpoint) : 0;
    const isLoaded = run.engine !== undefined;
    const idleMs = clock.now() - this.lastKeyMs;
    const { isAsked } = this;
    const residency = residencyOf({ isLoaded, neededBytes, memory: memory(), machine: machine(), idleMs, isAsked });
    if (residency.isWanted === isLoaded) {
      if (!residency.isWanted) this.setState({ kind: 'unloaded', reason: residency.reason });
      return;
    }
    if (!residency.isWanted) {
      log.info(`${run.choice.name} is unloaded, because ${english(residency.reason)}`);
      this.unload(run);
      this.setState({ kind: 'unloaded', reason: residency.reason });
      return;
    }
    if (!run.checkpoint) {
      await this.open(run);
      // Now it is known how much memory it needs.
      if (this.run === run && this.current.kind !== 'failed') await this.check(run);
      return;
    }
    this.isAsked = false;
    this.load(run);
  }

  private async open(run: Run): Promise<void> {
    this.setState({ kind: 'loading' });
    try {
      const checkpoint = await this.parts.openCheckpoint(run.choice.folder);
      if (this.run === run) run.checkpoint = checkpoint;
    } catch (error) {
      if (this.run === run) this.setState({ kind: 'failed', reason: messageOf(error) });
    }
  }

  private load(run: Run): void {
    const { createEngine } = this.parts;
    this.setState({ kind: 'loading' });
    const engine: SessionEngine = createEngine({
      modelFolder: run.choice.folder,
      threads: run.threads,
      onState: (state) => {
        if (this.run === run && run.engine === engine) this.engineChanged(run, engine, state);
      },
    });
    run.engine = engine;
    engine.start();
  }

  private unload(run: Run, isRestart = false): void {
    const { engine } = run;
    run.engine = undefined; // so that its states are ignored
    this.endLoaded(run);
    engine?.stop(isRestart);
  }

  private engineChanged(run: Run, engine: SessionEngine, state: EngineState): void {
    const { log } = this.parts;
    const { name } = run.choice;
    switch (state.kind) {
      case 'ready':
        log.info(`${name} ready: ${english(describeBackend(state.info))}`);
        this.beginLoaded(run, engine, state.info);
        this.setState({ kind: 'ready', info: state.info });
        return;
      case 'restarting':
        log.warn(`${name} restarts in ${state.delayMs} ms: ${state.reason}`);
        break;
      case 'failed':
        this.unload(run);
        this.setState({ kind: 'failed', reason: state.reason });
        return;
      case 'starting':
      case 'stopped':
        break;
    }
    this.endLoaded(run);
    this.setState({ kind: 'loading' });
  }

  private beginLoaded(run: Run, memory: SessionEngine, { costs: found }: EngineInfo): void {
    const { checkpoint, choice } = run;
    if (!checkpoint) return;
    // An engine that starts again right after a search for sizes has sizes that this checkpoint lacks, until that is opened again.
    const names = submodelNames(checkpoint.config);
    const measured = Object.fromEntries(Object.entries(found).filter(([name]) => names.includes(name)));
    if (run.loaded) {
      run.loaded.costs.replaceMeasured(measured);
      this.parts.onReplaced();
      return;
    }
    const { name, relativeBits } = choice;
    const costs = new CostModel(checkpoint.config, measured, { name, relativeBits });
    run.loaded = { checkpoint, engine: new EngineLease(memory), costs, memory };
    this.parts.onLoaded(run.loaded);
    this.probeWhenQuiet(run, checkpoint);
  }

  /** Each process of the probe has the model in memory once more. */
  private probeWhenQuiet(run: Run, checkpoint: Checkpoint): void {
    const { probes, isQuiet, machine, memory, clock, log } = this.parts;
    if (run.probe) return;
    const neededBytes = bytesOf(checkpoint);
    const hasRoom = () => {
      const idleMs = clock.now() - this.lastKeyMs;
      const input = { isLoaded: false, neededBytes, memory: memory(), machine: machine(), idleMs, isAsked: false };
      return residencyOf(input).isWanted;
    };
    try {
      const probe = probes.inBackground(checkpoint, run.threads, {
        isQuiet: () => run.loaded !== undefined && isQuiet() && hasRoom(),
        onReport: (report) => {
          if (this.run !== run) return;
          for (const line of describeReport(report)) log.info(`${run.choice.name}: ${line}`);
          this.adopt(report);
        },
        onFault: (reason) => {
          if (this.run === run) log.warn(`${run.choice.name}: ${reason}`);
        },
      });
      run.probe = probe;
      probe.start();
    } catch (error) {
      log.warn(`the hardware cannot be probed for ${run.choice.name}: ${messageOf(error)}`);
    }
  }

  private endLoaded(run: Run): void {
    const { loaded } = run;
    if (!loaded) return;
    run.loaded = undefined;
    loaded.engine.close();
    this.parts.onGone(loaded);
  }

  private stopRun(isRestart = false): void {
    const { run } = this;
    this.run = undefined;
    this.isAsked = false;
    if (!run) return;
    this.wake();
    run.probe?.stop();
    this.unload(run, isRestart);
  }

  private setState(state: ImportedState): void {
    const { log, onChange } = this.parts;
    const before = this.current;
    this.current = state;
    if (textOf(before) === textOf(state)) return;
    if (state.kind === 'failed') log.error(`the imported model is not used: ${state.reason}`);
    if (state.kind === 'unloaded') log.info(`the imported model is not loaded: ${english(state.reason)}`);
    onChange();
  }
}

/** The state in one line, to tell whether it has changed. */
function textOf(state: ImportedState): string {
  return `${state.kind} ${state.kind === 'unloaded' ? english(state.reason) : ''}`;
}

function isSame(run: Run, choice: ImportedChoice, threads: number): boolean {
  const key = ({ folder, name, relativeBits, revision }: ImportedChoice, count: number) =>
    JSON.stringify([folder, name, relativeBits, revision, count]);
  return key(run.choice, run.threads) === key(choice, threads);
}

/** In memory: the weights, and the keys and values of a prompt of a usual length. */
function bytesOf({ tensors, config }: Checkpoint): number {
  const weights = Object.values(tensors).reduce((sum, { begin, end }) => sum + end - begin, 0);
  return weights + usualCacheBytes(config.model);
}

/** What the state means to the user, in a sentence. */
export function describeImported(state: ImportedState, name: string): Phrase | undefined {
  switch (state.kind) {
    case 'none':
      return undefined;
    case 'unloaded':
      return phrase('{0} is not loaded: {1}', name, state.reason);
    case 'loading':
      return phrase('{0} is being loaded', name);
    case 'ready':
      return phrase('{0} is ready', name);
    case 'failed':
      return phrase('{0} cannot be used: {1}', name, state.reason);
  }
}
