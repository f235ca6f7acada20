import type { Eagerness } from '../completion/decode/confidence';
import type { Work } from '../completion/outcome';
import { timeBoxed } from '../completion/lookUp';
import type { LearnedScore } from '../completion/decode/learnedScore';
import type { Pipeline } from '../completion/pipeline';
import type { Purpose } from '../completion/plan';
import type { Syntax } from '../completion/syntax/shape';
import type { EngineState } from '../engine/client';
import { describeBackend, describeRejected, describeReport } from '../engine/describe';
import { type EngineInfo, isOnGpu } from '../engine/engine';
import type { HardwareReport } from '../engine/hardware';
import type { EngineMemory } from '../engine/memory';
import { CostModel } from '../governor/costs';
import { decide, type Decision, type Declined } from '../governor/decide';
import { History } from '../governor/history';
import { type Machine, UNKNOWN_MACHINE } from '../governor/machine';
import { type CodePlace, cursorContextAt } from '../governor/place';
import type { GovernorSettings } from '../governor/settings';
import { TypingRhythm } from '../governor/typing';
import { english } from '../localisation/phrase';
import type { MachineMemory } from '../machine/memory';
import type { MachineState } from '../machine/state';
import type { Checkpoint } from '../matlm/checkpoint';
import type { CheckpointConfig } from '../matlm/config';
import { messageOf } from '../matlm/errors';
import { EngineLease } from './engineLease';
import { type ImportedChoice, ImportedModel, type ImportedState, type LoadedModel } from './importedModel';
import { JointMemory } from '../engine/jointMemory';
import type { EngineOptions, HardwareProbes, Log, SessionClock, SessionEngine } from './parts';
import { Pipelines } from './pipelines';
import { Quiet } from './quiet';

/** The settings that a session reads: the engine's at every start, the others at every request. */
export interface SessionSettings {
  readonly engine: () => Pick<EngineOptions, 'modelFolder' | 'threads'>;
  readonly governor: (config: CheckpointConfig | undefined) => GovernorSettings;
  readonly eagerness: () => Eagerness;
  /** The imported model that the user wants beside the main one; undefined for none. It is asked at every start. */
  readonly imported: () => Promise<ImportedChoice | undefined>;
}

export interface SessionParts {
  readonly settings: SessionSettings;
  readonly openCheckpoint: (folder: string) => Promise<Checkpoint>;
  readonly createEngine: (options: EngineOptions) => SessionEngine;
  readonly probes: HardwareProbes;
  readonly syntax: Syntax;
  readonly clock: SessionClock;
  readonly log: Log;
  /** A reading of the sensors in which other processes of the extension do not count as other programs. */
  readonly withoutOwnWork?: (state: MachineState) => MachineState;
  /** The memory of the machine now. */
  readonly memory: () => MachineMemory;
  /** The engine's state, the checkpoint or the hardware report has changed. */
  readonly onChange: () => void;
  /** A start has begun: the completions of the earlier model are out of date. */
  readonly onStart: () => void;
  /** The engine's memory, which is empty; undefined when the engine has gone, with all that it knew. */
  readonly onMemory: (memory: EngineMemory | undefined) => void;
  /** A part of that memory is empty, because another model has come: all texts are to be remembered again. */
  readonly onMemoryLacks: () => void;
  /** The score of a model that none was measured for; undefined for others. */
  readonly scoreOf?: (checkpoint: Checkpoint) => LearnedScore | undefined;
  /** A decode has ended, by itself or because it was stopped. */
  readonly onDecoded: (work: Work, purpose: Purpose) => void;
  /** The user pauses after a request was declined: the editor should ask again, as it does after a key. */
  readonly onRested: () => void;
}

/** A typical request, for predictions: one line of new prompt and one of text. */
export const TYPICAL = { promptTokens: 24, newTokens: 12 };

/** One start of the engine with all that belongs to it; the next start replaces the whole. */
interface Run {
  checkpoint?: Checkpoint;
  engine?: SessionEngine;
  probe?: { stop(): void };
  hardware?: HardwareReport | undefined;
  /** Undefined until the engine was ready once. */
  costs?: CostModel;
  /** Undefined while the engine is not ready. */
  completing?: {
    readonly pipeline: Pipeline;
    readonly pipelines: Pipelines;
    readonly lease: EngineLease;
    readonly memory: JointMemory;
  };
}

/**
 * The models at work in one window: opens the main checkpoint, runs its engine, builds the pipeline when the engine is ready,
 * and probes the hardware in an idle moment. A start replaces everything of the previous start, except the typing rhythm and
 * the acceptance history. An imported model joins the pipeline while it is loaded. It does not depend on the editor.
 */
export class Session {
  private readonly rhythm = new TypingRhythm();
  private readonly history = new History();
  private readonly quiet: Quiet;
  private readonly importedModel: ImportedModel;
  private run: Run = {};
  private current: EngineState = { kind: 'stopped' };
  private detection: { readonly report: Promise<void>; readonly abort: AbortController } | undefined;
  private isDisposed = false;

  constructor(private readonly parts: SessionParts) {
    this.quiet = new Quiet(parts.clock.now());
    const { settings, openCheckpoint, createEngine, probes, clock, log, memory, onChange } = parts;
    this.importedModel = new ImportedModel({
      choice: settings.imported,
      threads: () => settings.engine().threads,
      ...{ openCheckpoint, createEngine, probes, clock, log, memory, onChange },
      machine: () => this.machine,
      isQuiet: () => this.quiet.isQuiet(clock.now(), this.sensors ?? UNKNOWN_MACHINE),
      onLoaded: (model) => {
        this.join(model);
      },
      onReplaced: () => {
        this.pipelines?.backendChanged();
      },
      onGone: (model) => {
        const { completing } = this.run;
        completing?.pipelines.drop(model);
        completing?.memory.remove(model.memory);
      },
    });
  }

  get state(): EngineState {
    return this.current;
  }

  /** Undefined unless the engine is ready. */
  get pipeline(): Pipeline | undefined {
    return this.run.completing?.pipeline;
  }

  /** The pipelines of this start, for more typists than one; undefined unless the engine is ready. */
  get pipelines(): Pipelines | undefined {
    return this.run.completing?.pipelines;
  }

  /** Undefined if none could be opened, or not yet. */
  get config(): CheckpointConfig | undefined {
    return this.run.checkpoint?.config;
  }

  /** The imported model beside the main one. */
  get imported(): { readonly choice: ImportedChoice | undefined; readonly state: ImportedState } {
    const { choice, state } = this.importedModel;
    return { choice, state };
  }

  /** The report of the last hardware probe; undefined if there was none. */
  get hardware(): HardwareReport | undefined {
    return this.run.hardware;
  }

  /** The latest reading of the sensors; undefined while the engine does not run. */
  get sensors(): MachineState | undefined {
    const state = this.run.engine?.machine;
    return state && (this.parts.withoutOwnWork?.(state) ?? state);
  }

  /** The sensors' reading as the governor uses it. */
  get machine(): Machine {
    const runsOnGpu = this.current.kind === 'ready' && isOnGpu(this.current.info.backend);
    return { ...(this.sensors ?? UNKNOWN_MACHINE), runsOnGpu };
  }

  /** The user has chosen another imported model, or none. */
  async startImported(): Promise<void> {
    if (!this.isDisposed) await this.importedModel.start();
  }

  /** Start everything again, in a new process if no other window has this one. */
  async restart(): Promise<void> {
    this.importedModel.stop(true);
    await this.start();
  }

  /** Start the engine with the checkpoint of the settings, or start both again. */
  async start(): Promise<void> {
    if (this.isDisposed) return;
    void this.importedModel.start();
    this.stopDetection();
    this.stopRun(true);
    const run: Run = {};
    this.run = run;
    this.parts.onStart();
    this.setState({ kind: 'starting' });
    const { modelFolder, threads } = this.parts.settings.engine();
    let checkpoint: Checkpoint;
    try {
      checkpoint = await this.parts.openCheckpoint(modelFolder);
    } catch (error) {
      if (this.run === run) this.setState({ kind: 'failed', reason: messageOf(error) });
      return;
    }
    if (this.run !== run) return; // replaced by a later start, perhaps with another model
    run.checkpoint = checkpoint;
    run.engine = this.parts.createEngine({
      modelFolder,
      threads,
      onState: (state) => {
        if (this.run === run) this.engineChanged(run, state);
      },
    });
    run.engine.start();
    this.probeWhenQuiet(run, run.engine, checkpoint, threads);
  }

  /**
   * Probe the hardware now, for the main model and the imported one, and restart the engine with the fastest backend. Several calls at
   * once make one probe.
   */
  async detectHardware(): Promise<void> {
    if (!this.run.checkpoint) return;
    this.detection ??= this.beginDetection(this.run.checkpoint);
    await this.detection.report;
  }

  /** The user typed a key. @param place of the cursor in the code; undefined if unknown */
  typed(place: CodePlace | undefined): void {
    const nowMs = this.parts.clock.now();
    this.rhythm.key(nowMs, place);
    this.importedModel.typed(nowMs);
    this.quiet.key(nowMs);
  }

  /** A completion is in progress until the promise settles. @param isByHand whether the user asked for it */
  busyWhile(answer: Promise<unknown>, isByHand = false): void {
    this.quiet.busyWhile(answer);
    if (isByHand) this.importedModel.asked();
  }

  /** The decision of the governor if a request came now; undefined until the engine was ready. */
  preview(settings: GovernorSettings): Decision | Declined | undefined {
    const costs = this.pipeline?.models.costs ?? this.run.costs;
    if (!costs) return undefined;
    const place = 'word start';
    const nowMs = this.parts.clock.now();
    const snapshot = {
      explicit: false,
      gapMs: this.rhythm.gapMs(nowMs),
      pauseChance: this.rhythm.pauseChance(place),
      ...cursorContextAt(place),
      block: false,
      unreadBy: () => TYPICAL.promptTokens,
      machine: this.machine,
      engineShare: this.pipeline?.engineShare ?? 0,
      nowMs,
      previous: {},
    };
    return decide(snapshot, costs, this.history, settings);
  }

  /** Milliseconds of a typical completion; undefined if nothing was measured, or if the model is not loaded. */
  predictMs(submodel: string): number | undefined {
    const costs = this.pipeline?.models.costs ?? this.run.costs;
    if (!costs?.has(submodel)) return undefined;
    return costs.predictMs(costs.named(submodel).submodel, TYPICAL.promptTokens, TYPICAL.newTokens);
  }

  dispose(): void {
    this.isDisposed = true;
    this.importedModel.stop();
    this.stopDetection();
    this.stopRun();
    this.run = {};
    this.current = { kind: 'stopped' };
  }

  /** Its process may take a while to end; another detection does not wait for that. */
  private stopDetection(): void {
    this.detection?.abort.abort();
    this.detection = undefined;
  }

  /** @param isRestart another run follows, which wants a new process if no other window has this one */
  private stopRun(isRestart = false): void {
    const { engine, probe } = this.run;
    this.endCompleting(this.run);
    this.run = {}; // so that the states of an engine that stops are ignored
    engine?.stop(isRestart);
    probe?.stop();
  }

  private engineChanged(run: Run, state: EngineState): void {
    const { log } = this.parts;
    switch (state.kind) {
      case 'ready': {
        log.info(`engine ready: pid ${state.info.pid}, ${english(describeBackend(state.info))}`);
        for (const reason of describeRejected(state.info)) log.warn(english(reason));
        this.beginCompleting(run, state.info);
        break;
      }
      case 'restarting':
        log.warn(`engine restarts in ${state.delayMs} ms: ${state.reason}`);
        this.endCompleting(run);
        break;
      case 'failed':
      case 'starting':
      case 'stopped':
        this.endCompleting(run);
    }
    this.setState(state);
  }

  private beginCompleting(run: Run, { costs: measured }: EngineInfo): void {
    const { checkpoint, engine, costs, completing } = run;
    if (!checkpoint || !engine) return;
    if (completing && costs) {
      // Another backend has taken over: the visible suggestion stays.
      costs.replaceMeasured(measured);
      completing.pipelines.backendChanged();
      return;
    }
    const { settings, syntax, clock, log, onDecoded, onRested } = this.parts;
    const lease = new EngineLease(engine);
    const fresh = new CostModel(checkpoint.config, measured);
    const pipelines = new Pipelines({
      engine: lease,
      checkpoint,
      costs: fresh,
      syntax,
      machine: () => this.machine,
      lookUp: timeBoxed(engine),
      score: this.parts.scoreOf?.(checkpoint),
      now: clock.now,
      wait: clock.wait,
      onDecoded: (work, purpose) => {
        if (!lease.isClosed) onDecoded(work, purpose);
      },
      onFault: (reason) => {
        log.error(`work in the background failed, and completions go on without it: ${reason}`);
      },
    });
    const pipeline = pipelines.add({
      rhythm: this.rhythm,
      history: this.history,
      settings: () => settings.governor(checkpoint.config),
      eagerness: settings.eagerness,
      onRested: () => {
        if (!lease.isClosed) onRested();
      },
    });
    run.costs = fresh;
    run.completing = { pipeline, pipelines, lease, memory: new JointMemory(engine) };
    this.parts.onMemory(run.completing.memory);
    const { loaded } = this.importedModel;
    if (loaded) this.join(loaded);
  }

  /** The imported model is loaded and there is a pipeline, whichever came first. */
  private join(model: LoadedModel): void {
    const { completing } = this.run;
    if (!completing) return;
    completing.pipelines.use({ ...model, score: this.parts.scoreOf?.(model.checkpoint) });
    completing.memory.add(model.memory);
    this.parts.onMemoryLacks();
  }

  private endCompleting(run: Run): void {
    const { completing } = run;
    if (!completing) return;
    delete run.completing;
    completing.lease.close();
    completing.pipelines.reset();
    this.parts.onMemory(undefined);
  }

  private probeWhenQuiet(run: Run, engine: SessionEngine, checkpoint: Checkpoint, threads: number): void {
    const { probes, clock, log, onChange } = this.parts;
    try {
      run.hardware = probes.stored(checkpoint);
      const probe = probes.inBackground(checkpoint, threads, {
        isQuiet: () =>
          engine.state.kind === 'ready' && this.quiet.isQuiet(clock.now(), engine.machine ?? UNKNOWN_MACHINE),
        onReport: (report) => {
          if (this.run !== run) return;
          run.hardware = report;
          this.logReport(report);
          engine.adopt(report);
          onChange();
        },
        onFault: (reason) => {
          if (this.run === run) log.warn(reason);
        },
      });
      run.probe = probe;
      probe.start();
    } catch (error) {
      // Completions do not need the probe: the engine has chosen a backend without it.
      log.warn(`the hardware cannot be probed: ${messageOf(error)}`);
    }
  }

  private beginDetection(checkpoint: Checkpoint): { report: Promise<void>; abort: AbortController } {
    const abort = new AbortController();
    this.run.probe?.stop();
    const report = this.detect(checkpoint, abort.signal).finally(() => {
      if (this.detection?.abort === abort) this.detection = undefined;
    });
    return { report, abort };
  }

  private async detect(checkpoint: Checkpoint, signal: AbortSignal): Promise<void> {
    const { probes, settings, log } = this.parts;
    try {
      const detect = async (model: Checkpoint) => {
        const report = await probes.detect(model, settings.engine().threads, signal);
        this.logReport(report);
        this.store(report);
        return report;
      };
      await detect(checkpoint);
      const { checkpoint: imported } = this.importedModel.loaded ?? {};
      if (imported) this.importedModel.adopt(await detect(imported));
    } catch (error) {
      if (signal.aborted) {
        log.info('the hardware probe was stopped because the engine was restarted or stopped');
        return;
      }
      log.warn(`the hardware could not be probed: ${messageOf(error)}`);
    }
    if (!signal.aborted) await this.start();
  }

  private store(report: HardwareReport): void {
    const { probes, log } = this.parts;
    try {
      probes.store(report);
    } catch (error) {
      log.warn(`the report of the hardware probe cannot be stored, and is not used: ${messageOf(error)}`);
    }
  }

  private logReport(report: HardwareReport): void {
    for (const line of describeReport(report)) this.parts.log.info(line);
  }

  private setState(state: EngineState): void {
    const { log, onChange } = this.parts;
    const isNews = state.kind !== this.current.kind || state.kind === 'ready';
    this.current = state;
    if (!isNews) return; // 'starting' comes twice: from the session, then from its engine
    if (state.kind === 'failed') log.error(`engine stopped: ${state.reason}`);
    if (state.kind === 'starting' || state.kind === 'stopped') log.info(`engine ${state.kind}`);
    onChange();
  }
}
