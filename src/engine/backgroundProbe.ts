import { type Clock, SYSTEM_CLOCK } from '../machine/clock';
import { describeChoice } from './describe';
import type { HardwareReport } from './hardware';
import { forgetReport, readReport, readStored, writeReport } from './hardwareFile';
import { LockFile } from './lockFile';
import { detectHardware, type ProbeOptions } from './probe';

export interface BackgroundProbeOptions {
  /** The options of the probe, with the machine that it is for. */
  readonly probe: Omit<ProbeOptions, 'signal'>;
  /** The file in which all windows store reports. */
  readonly file: string;
  /** Whether the machine is idle, so that the user waits for nothing. */
  readonly isQuiet: () => boolean;
  /** Receives a report that this window or another made after the start. */
  readonly onReport: (report: HardwareReport) => void;
  /** Receives faults of a stored report, and reasons why no probe can be made, for the log. */
  readonly onFault: (reason: string) => void;
  readonly clock?: Clock;
}

export const LOOK_EVERY_MS = 1000;
/** A probe that was stopped this often waits for the next start, because the idle moments here are too short for it. */
const MAX_TRIALS = 3;
/** Shorter than for a probe that the user asked for. */
const LIMIT_MS = 30_000;

/**
 * Probes the hardware in an idle moment if no report is stored for the machine. The probe stops when the user begins
 * something, and starts again in the next idle moment. One window runs it, and the others read its report. Its start is
 * stored first. A probe that did not finish is not repeated automatically, because a driver may have crashed the editor or
 * the machine.
 */
export class BackgroundProbe {
  private cancelTimer: () => void = () => undefined;
  private trials = 0;
  private running: AbortController | undefined;
  /** Removes the entry of a running probe. */
  private undo: (() => void) | undefined;
  private readonly clock: Clock;
  private readonly lock: LockFile;

  constructor(private readonly options: BackgroundProbeOptions) {
    this.clock = options.clock ?? SYSTEM_CLOCK;
    this.lock = new LockFile(`${options.file}.lock`);
  }

  /** Does nothing if a report is stored: the engine has read it. */
  start(): void {
    const { file, probe, onFault } = this.options;
    const { report, fault } = readStored(file, probe.machine);
    if (fault !== undefined) onFault(fault);
    if (report && !report.unfinished) return;
    if (report && !this.lock.isHeld()) {
      onFault(describeChoice(report));
      return;
    }
    this.wait();
  }

  /** Ends a running probe too, and removes its entry, so that another start may repeat it. Never throws. */
  stop(): void {
    this.cancelTimer();
    this.cancelTimer = () => undefined;
    this.running?.abort();
    this.undo?.();
  }

  private wait(): void {
    this.cancelTimer = this.clock.after(LOOK_EVERY_MS, () => {
      this.wait();
      void this.look();
    });
  }

  /** Never rejects: a fault is reported and ends the attempts. */
  private async look(): Promise<void> {
    try {
      await this.proceed();
    } catch (error) {
      this.stop();
      const { code, message } = error as NodeJS.ErrnoException;
      this.options.onFault(
        code === undefined ? message : `the hardware is not probed, because the result cannot be stored: ${message}`,
      );
    }
  }

  private async proceed(): Promise<void> {
    const { file, probe, isQuiet, onReport } = this.options;
    if (this.running) {
      if (!isQuiet()) this.running.abort();
      return;
    }
    const stored = readReport(file, probe.machine);
    if (stored) {
      if (stored.unfinished && this.lock.isHeld()) return;
      this.stop();
      if (!stored.unfinished) onReport(stored);
      return;
    }
    if (!isQuiet() || this.lock.isHeld()) return;
    this.running = new AbortController();
    const { signal } = this.running;
    try {
      const report = await this.run(signal);
      if (report || (signal.aborted && ++this.trials === MAX_TRIALS)) this.stop();
      if (report) onReport(report);
    } finally {
      this.running = undefined;
    }
  }

  /**
   * @returns undefined if another window was faster, or if the signal was aborted
   * @throws if the report cannot be stored; nothing is left behind then
   */
  private async run(signal: AbortSignal): Promise<HardwareReport | undefined> {
    const { file, probe } = this.options;
    const { machine } = probe;
    if (!this.lock.take()) return undefined;
    let hasBegun = false;
    const undo = () => {
      // Once only: the next lock belongs to another run.
      if (this.undo !== undo) return;
      this.undo = undefined;
      if (hasBegun) forgetReport(file, machine);
      this.lock.release();
    };
    this.undo = undo;
    try {
      if (readReport(file, machine)) return undefined;
      writeReport(file, { machine, findings: [], unfinished: true });
      hasBegun = true;
      const report = await detectHardware({ limitMs: LIMIT_MS, ...probe, signal });
      signal.throwIfAborted();
      // The engine runs, so the backends are not at fault: perhaps no process could be started.
      const [first] = report.findings;
      if (first?.kept === false && !report.findings.some(({ kept }) => kept)) {
        throw new Error(`the hardware probe failed: ${first.reason}`);
      }
      writeReport(file, report);
      hasBegun = false;
      return report;
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    } finally {
      undo();
    }
  }
}
