import type { EngineClient, EngineState } from '../engine/client';
import type { Engine } from '../engine/engine';
import type { HardwareReport } from '../engine/hardware';
import type { EngineMemory } from '../engine/memory';
import type { Checkpoint } from '../matlm/checkpoint';

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
