import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describeChoice } from './describe';
import type { HardwareReport } from './hardware';
import { forgetReport, readReport, writeReport } from './hardwareFile';
import { detectHardware, type ProbeOptions } from './probe';

export interface BackgroundProbeOptions {
  /** What the probe tries, and for which machine. */
  readonly probe: Omit<ProbeOptions, 'signal'>;
  /** Where reports are stored, for all windows. */
  readonly file: string;
  /** Whether nobody waits for anything just now. */
  readonly isQuiet: () => boolean;
  /** Hears of what was found, by this window or by another, since the start. */
  readonly onReport: (report: HardwareReport) => void;
  /** Hears why no probe can be made. */
  readonly onFault: (reason: string) => void;
  readonly everyMs?: number;
}

const EVERY_MS = 1000;
/** One that was stopped so often waits for the next start: the quiet moments here are too short for it. */
const MAX_TRIALS = 3;
/** A card that nobody waits for need not have as long as one that was asked for. */
const LIMIT_MS = 30_000;
/** No probe takes so long: each of its few processes has half a minute. */
const LOCK_EXPIRES_MS = 20 * 60_000;

/**
 * Makes a probe once for a machine where none is stored, in a quiet moment; what a user begins meanwhile stops it, and it
 * begins anew in the next. One window makes it, the others read what it found. That it has begun is stored before it
 * begins, and it does not begin again by itself: a driver may take the editor or the machine down with it.
 */
export class BackgroundProbe {
  private timer: NodeJS.Timeout | undefined;
  private trials = 0;
  private running: AbortController | undefined;
  /** Takes back what a probe has stored while it is made. */
  private undo: (() => void) | undefined;
  private readonly lockFile: string;

  constructor(private readonly options: BackgroundProbeOptions) {
    this.lockFile = `${options.file}.lock`;
  }

  /** Does nothing where a report is stored: the engine has read it. */
  start(): void {
    const { file, probe, onFault, everyMs = EVERY_MS } = this.options;
    const stored = readReport(file, probe.machine);
    if (stored && !stored.unfinished) return;
    if (stored && !this.isLocked()) {
      onFault(describeChoice(stored));
      return;
    }
    this.timer = setInterval(() => {
      void this.look();
    }, everyMs);
    this.timer.unref();
  }

  /** Also in the middle of a probe, of which nothing is left: another start may make it. */
  stop(): void {
    clearInterval(this.timer);
    this.running?.abort();
    this.undo?.();
  }

  private async look(): Promise<void> {
    const { file, probe, isQuiet, onReport, onFault } = this.options;
    if (this.running) {
      if (!isQuiet()) this.running.abort();
      return;
    }
    const stored = readReport(file, probe.machine);
    if (stored) {
      if (stored.unfinished && this.isLocked()) return;
      this.stop();
      if (!stored.unfinished) onReport(stored);
      return;
    }
    if (!isQuiet() || this.isLocked()) return;
    this.running = new AbortController();
    const { signal } = this.running;
    try {
      const report = await this.run(signal);
      if (report) onReport(report);
      if (report || (signal.aborted && ++this.trials === MAX_TRIALS)) this.stop();
    } catch (error) {
      this.stop();
      onFault((error as Error).message);
    } finally {
      this.running = undefined;
    }
  }

  /** @returns nothing where another window was quicker, or the quiet is over */
  private async run(signal: AbortSignal): Promise<HardwareReport | undefined> {
    const { file, probe } = this.options;
    const { machine } = probe;
    if (!this.lock()) return undefined;
    let hasBegun = false;
    const undo = () => {
      // Once: the next lock is another's.
      if (this.undo !== undo) return;
      this.undo = undefined;
      if (hasBegun) forgetReport(file, machine);
      rmSync(this.lockFile, { force: true });
    };
    this.undo = undo;
    try {
      if (readReport(file, machine)) return undefined;
      writeReport(file, { machine, findings: [], unfinished: true });
      hasBegun = true;
      const report = await detectHardware({ limitMs: LIMIT_MS, ...probe, signal });
      signal.throwIfAborted();
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

  private lock(): boolean {
    mkdirSync(dirname(this.lockFile), { recursive: true });
    if (!this.isLocked()) rmSync(this.lockFile, { force: true });
    try {
      writeFileSync(this.lockFile, String(process.pid), { flag: 'wx' });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  }

  /** Whether a probe is being made: the process that holds the lock is there, and has not had it for ever. */
  private isLocked(): boolean {
    try {
      const pid = Number(readFileSync(this.lockFile, 'utf8'));
      if (Date.now() - statSync(this.lockFile).mtimeMs > LOCK_EXPIRES_MS) return false;
      process.kill(pid, 0);
      return true;
    } catch (error) {
      // A process of another user's is there all the same.
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  }
}
