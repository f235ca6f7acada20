import type { Eagerness } from '../completion/decode/confidence';
import type { Work } from '../completion/outcome';
import { timeBoxed } from '../completion/lookUp';
import { Pipeline } from '../completion/pipeline';
import type { Purpose } from '../completion/plan';
import type { Syntax } from '../completion/syntax/shape';
import type { EngineClient, EngineState } from '../engine/client';
import { describeBackend, describeRejected, describeReport } from '../engine/describe';
import { type Engine, type EngineInfo, isOnGpu } from '../engine/engine';
import type { HardwareReport } from '../engine/hardware';
import type { EngineMemory } from '../engine/memory';
import { CostModel } from '../governor/costs';
import { decide, type Decision, type Declined } from '../governor/decide';
import { History } from '../governor/history';
import { type Machine, UNKNOWN_MACHINE } from '../governor/machine';
import { type CodePlace, cursorContextAt } from '../governor/place';
import type { GovernorSettings } from '../governor/settings';
import { TypingRhythm } from '../governor/typing';
import type { MachineState } from '../machine/state';
import type { Checkpoint } from '../matlm/checkpoint';
import type { CheckpointConfig } from '../matlm/config';
import { messageOf } from '../matlm/errors';
import { EngineLease } from './engineLease';
import { Quiet } from './quiet';

/** The client of an engine's process, as far as a session uses it. */
export type SessionEngine = Engine &
  EngineMemory &
  Pick<EngineClient, 'state' | 'machine' | 'start' | 'stop' | 'adopt'>;

export interface EngineOptions {
  readonly modelFolder: string;
  /** 0 for the engine's own choice. */
  readonly threads: number;
  readonly onState: (state: EngineState) => void;
}

/** The settings that a session reads: the engine's at every start, the others at every request. */
export interface SessionSettings {
  readonly engine: () => Pick<EngineOptions, 'modelFolder' | 'threads'>;
  readonly governor: (config: CheckpointConfig | undefined) => GovernorSettings;
  readonly eagerness: () => Eagerness;
}

export interface Log {
  info(text: string): void;
  warn(text: string): void;
  error(text: string): void;
}

export interface SessionClock {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Resolves after the delay, or as soon as the signal aborts. */
  readonly wait: (delayMs: number, signal: AbortSignal) => Promise<void>;
}

/** The callbacks of a probe in the background. */
export interface ProbeEvents {
  readonly isQuiet: () => boolean;
  readonly onReport: (report: HardwareReport) => void;
  readonly onFault: (reason: string) => void;
}

/** Probes of the backends on this machine, and the stored reports of earlier ones. Every member may throw. */
export interface HardwareProbes {
  /** The report of an earlier probe; undefined if there is none. */
  readonly stored: (checkpoint: Checkpoint) => HardwareReport | undefined;
  readonly store: (report: HardwareReport) => void;
  /** Probes once in an idle moment if no report is stored. */
  readonly inBackground: (
    checkpoint: Checkpoint,
    threads: number,
    events: ProbeEvents,
  ) => { start(): void; stop(): void };
  /** Probes now. */
  readonly detect: (checkpoint: Checkpoint, threads: number, signal: AbortSignal) => Promise<HardwareReport>;
}

export interface SessionParts {
  readonly settings: SessionSettings;
  readonly openCheckpoint: (folder: string) => Promise<Checkpoint>;
  readonly createEngine: (options: EngineOptions) => SessionEngine;
  readonly probes: HardwareProbes;
  readonly syntax: Syntax;
  readonly clock: SessionClock;
  readonly log: Log;
  /** The engine's state, the checkpoint or the hardware report has changed. */
  readonly onChange: () => void;
  /** A start has begun: the completions of the earlier model are out of date. */
  readonly onStart: () => void;
  /** The engine's memory, which is empty; undefined when the engine has gone, with all that it knew. */
  readonly onMemory: (memory: EngineMemory | undefined) => void;
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
  completing?: { readonly pipeline: Pipeline; readonly lease: EngineLease };
}

/**
 * One model at work in one window: opens the checkpoint, runs the engine, builds the pipeline when the engine is ready, and
 * probes the hardware in an idle moment. A start replaces everything of the previous start, except the typing rhythm and
 * the acceptance history. It does not depend on the editor.
 */
export class Session {
  private readonly rhythm = new TypingRhythm();
  private readonly history = new History();
  private readonly quiet: Quiet;
  private run: Run = {};
  private current: EngineState = { kind: 'stopped' };
  private detection: { readonly report: Promise<void>; readonly abort: AbortController } | undefined;
  private isDisposed = false;

  constructor(private readonly parts: SessionParts) {
    this.quiet = new Quiet(parts.clock.now());
  }

  get state(): EngineState {
    return this.current;
  }

  /** Undefined unless the engine is ready. */
  get pipeline(): Pipeline | undefined {
    return this.run.completing?.pipeline;
  }

  /** Undefined if none could be opened, or not yet. */
  get config(): CheckpointConfig | undefined {
    return this.run.checkpoint?.config;
  }

  /** The report of the last hardware probe; undefined if there was none. */
  get hardware(): HardwareReport | undefined {
    return this.run.hardware;
  }

  /** The latest reading of the sensors; undefined while the engine does not run. */
  get sensors(): MachineState | undefined {
    return this.run.engine?.machine;
  }

  /** The sensors' reading as the governor uses it. */
  get machine(): Machine {
    const runsOnGpu = this.current.kind === 'ready' && isOnGpu(this.current.info.backend);
    return { ...(this.sensors ?? UNKNOWN_MACHINE), runsOnGpu };
  }

  /** Start the engine with the checkpoint of the settings, or start both again. */
  async start(): Promise<void> {
    if (this.isDisposed) return;
    this.stopDetection();
    this.stopRun();
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

  /** Probe the hardware now and restart the engine with the fastest backend. Several calls at once make one probe. */
  async detectHardware(): Promise<void> {
    if (!this.run.checkpoint) return;
    this.detection ??= this.beginDetection(this.run.checkpoint);
    await this.detection.report;
  }

  /** The user typed a key. @param place of the cursor in the code; undefined if unknown */
  typed(place: CodePlace | undefined): void {
    const nowMs = this.parts.clock.now();
    this.rhythm.key(nowMs, place);
    this.quiet.key(nowMs);
  }

  /** A completion is in progress until the promise settles. */
  busyWhile(answer: Promise<unknown>): void {
    this.quiet.busyWhile(answer);
  }

  /** The decision of the governor if a request came now; undefined until the engine was ready. */
  preview(settings: GovernorSettings): Decision | Declined | undefined {
    const { costs } = this.run;
    if (!costs) return undefined;
    const place = 'word start';
    const nowMs = this.parts.clock.now();
    const snapshot = {
      explicit: false,
      gapMs: this.rhythm.gapMs(nowMs),
      pauseChance: this.rhythm.pauseChance(place),
      ...cursorContextAt(place),
      block: false,
      newPromptTokens: TYPICAL.promptTokens,
      halfReadTokens: 0,
      machine: this.machine,
      engineShare: this.pipeline?.engineShare ?? 0,
      nowMs,
      previous: {},
    };
    return decide(snapshot, costs, this.history, settings);
  }

  /** Milliseconds of a typical completion; undefined if nothing was measured. */
  predictMs(submodel: string): number | undefined {
    const { costs } = this.run;
    return costs?.predictMs(costs.named(submodel).submodel, TYPICAL.promptTokens, TYPICAL.newTokens);
  }

  dispose(): void {
    this.isDisposed = true;
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

  private stopRun(): void {
    const { engine, probe } = this.run;
    this.endCompleting(this.run);
    this.run = {}; // so that the states of an engine that stops are ignored
    engine?.stop();
    probe?.stop();
  }

  private engineChanged(run: Run, state: EngineState): void {
    const { log } = this.parts;
    switch (state.kind) {
      case 'ready': {
        log.info(`engine ready: pid ${state.info.pid}, ${describeBackend(state.info)}`);
        for (const reason of describeRejected(state.info)) log.warn(reason);
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
      completing.pipeline.backendChanged();
      return;
    }
    const { settings, syntax, clock, log, onDecoded, onRested } = this.parts;
    const lease = new EngineLease(engine);
    const fresh = new CostModel(checkpoint.config, measured);
    const pipeline = new Pipeline({
      engine: lease,
      checkpoint,
      costs: fresh,
      rhythm: this.rhythm,
      history: this.history,
      syntax,
      settings: () => settings.governor(checkpoint.config),
      eagerness: settings.eagerness,
      machine: () => this.machine,
      lookUp: timeBoxed(engine),
      now: clock.now,
      wait: clock.wait,
      onDecoded: (work, purpose) => {
        if (!lease.isClosed) onDecoded(work, purpose);
      },
      onRested: () => {
        if (!lease.isClosed) onRested();
      },
      onFault: (reason) => {
        log.error(`work in the background failed, and completions go on without it: ${reason}`);
      },
    });
    run.costs = fresh;
    run.completing = { pipeline, lease };
    this.parts.onMemory(engine);
  }

  private endCompleting(run: Run): void {
    const { completing } = run;
    if (!completing) return;
    delete run.completing;
    completing.lease.close();
    completing.pipeline.reset();
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
      const report = await probes.detect(checkpoint, settings.engine().threads, signal);
      this.logReport(report);
      probes.store(report);
    } catch (error) {
      if (signal.aborted) {
        log.info('the hardware probe was stopped because the engine was restarted or stopped');
        return;
      }
      log.warn(`the hardware could not be probed: ${messageOf(error)}`);
    }
    if (!signal.aborted) await this.start();
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
