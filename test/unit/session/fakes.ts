import { shapeByIndentation } from '../../../src/completion/syntax/shape';
import type { EngineState } from '../../../src/engine/client';
import type { EngineInfo, GenerateEvent, GenerateRequest } from '../../../src/engine/engine';
import type { HardwareReport } from '../../../src/engine/hardware';
import type { DocumentId, EngineMemory, MemoryMatch, MemoryStats } from '../../../src/engine/memory';
import { AUTO } from '../../../src/governor/settings';
import type { MachineState } from '../../../src/machine/state';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import type { ImportedChoice } from '../../../src/session/importedModel';
import type { EngineOptions, SessionEngine } from '../../../src/session/parts';
import type { ProbeEvents } from '../../../src/session/parts';
import type { SessionParts } from '../../../src/session/session';

const COST = { prefillMsPerToken: 0.1, decodeMsPerToken: 1 };

export const INFO: EngineInfo = {
  pid: 1,
  backend: 'native',
  rejected: [],
  isa: 'scalar',
  threads: 1,
  weightBytes: 1e6,
  kvCacheBytes: 1e6,
  costs: { S: COST, XL: COST },
};

/** An engine's process without the process: its states and its tokens come when the test says so. */
export class FakeEngine implements SessionEngine {
  state: EngineState = { kind: 'stopped' };
  machine: MachineState | undefined;
  readonly adopted: HardwareReport[] = [];
  readonly remembered: string[] = [];
  /** It was told that another start follows. */
  isToRestart = false;
  readonly requests: { request: GenerateRequest; signal: AbortSignal; emit: (event: GenerateEvent) => void }[] = [];

  constructor(readonly options: EngineOptions) {}

  /** Whether a process runs. */
  get isAlive(): boolean {
    return this.state.kind === 'starting' || this.state.kind === 'ready';
  }

  become(state: EngineState): void {
    this.state = state;
    this.options.onState(state);
  }

  ready(change: Partial<EngineInfo> = {}): void {
    this.become({ kind: 'ready', info: { ...INFO, ...change } });
  }

  start(): void {
    this.become({ kind: 'starting' });
  }

  stop(isRestart = false): void {
    this.isToRestart ||= isRestart;
    if (this.state.kind !== 'stopped') this.become({ kind: 'stopped' });
  }

  adopt(report: HardwareReport): void {
    this.adopted.push(report);
  }

  remember(_document?: DocumentId, text?: string): Promise<MemoryStats> {
    if (text !== undefined) this.remembered.push(text);
    return Promise.resolve({ documents: 0, tokens: 0, bytes: 0 });
  }

  forget(): Promise<MemoryStats> {
    return this.remember();
  }

  look(): Promise<MemoryMatch> {
    return Promise.resolve({ length: 0, count: 0, topShare: 0 });
  }

  generate(request: GenerateRequest, signal: AbortSignal, emit: (event: GenerateEvent) => void): void {
    this.requests.push({ request, signal, emit });
    emit({ type: 'prefill', reusedTokens: 0, prefilledTokens: request.prompt.length, prefillMs: 1 });
  }
}

/** A probe in the background that ends when the test says so. */
export class FakeProbe {
  isRunning = false;

  constructor(
    readonly checkpoint: Checkpoint,
    readonly events: ProbeEvents,
  ) {}

  start(): void {
    this.isRunning = true;
  }

  stop(): void {
    this.isRunning = false;
  }
}

/** A promise that the test settles. */
export function settleable<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: Error) => void;
} {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}

/** Everything around a session, driven by hand. */
export class World {
  nowMs = 0;
  modelFolder = 'shipped';
  imported: ImportedChoice | undefined;
  freeBytes = 8e9;
  /** How often the texts were to be remembered again. */
  refeeds = 0;
  readonly engines: FakeEngine[] = [];
  readonly probes: FakeProbe[] = [];
  readonly stored: HardwareReport[] = [];
  readonly lines: string[] = [];
  readonly decoded: string[] = [];
  readonly memories: (EngineMemory | undefined)[] = [];
  rests = 0;
  changes = 0;
  starts = 0;
  /** Folders that were asked for, with the answer that is still due. */
  readonly opening: { folder: string; answer: ReturnType<typeof settleable<Checkpoint>> }[] = [];
  readonly detections: { signal: AbortSignal; answer: ReturnType<typeof settleable<HardwareReport>> }[] = [];
  /** Thrown by everything that probes, if set. */
  probeFault: Error | undefined;
  /** The process of a stopped probe ends when the test says so. */
  probesEndLate = false;
  private readonly waits: { atMs: number; resolve: () => void; signal: AbortSignal }[] = [];

  parts(): SessionParts {
    const log = (level: string) => (text: string) => {
      this.lines.push(`${level}: ${text}`);
    };
    const guarded = <T>(result: T): T => {
      if (this.probeFault) throw this.probeFault;
      return result;
    };
    return {
      settings: {
        engine: () => ({ modelFolder: this.modelFolder, threads: 1 }),
        governor: () => ({ ...AUTO, submodel: 'S' }),
        eagerness: () => 'eager',
        imported: () => Promise.resolve(this.imported),
      },
      openCheckpoint: (folder) => {
        const answer = settleable<Checkpoint>();
        this.opening.push({ folder, answer });
        return answer.promise;
      },
      createEngine: (options) => {
        const engine = new FakeEngine(options);
        this.engines.push(engine);
        return engine;
      },
      probes: {
        stored: () => {
          if (this.probeFault) throw this.probeFault;
          return undefined;
        },
        store: (report) => {
          this.stored.push(guarded(report));
        },
        inBackground: (checkpoint, _threads, events) => {
          const probe = guarded(new FakeProbe(checkpoint, events));
          this.probes.push(probe);
          return probe;
        },
        detect: (_checkpoint, _threads, signal) => {
          const answer = settleable<HardwareReport>();
          signal.addEventListener('abort', () => {
            if (!this.probesEndLate) answer.reject(new Error('the probe was stopped'));
          });
          this.detections.push({ signal, answer });
          return answer.promise;
        },
      },
      syntax: { shapeAt: (_languageId, excerpt) => Promise.resolve(shapeByIndentation(excerpt, false)) },
      clock: { now: () => this.nowMs, wait: (delayMs, signal) => this.wait(delayMs, signal) },
      log: { info: log('info'), warn: log('warn'), error: log('error') },
      onChange: () => {
        this.changes++;
      },
      onStart: () => {
        this.starts++;
      },
      memory: () => ({ totalBytes: 16e9, freeBytes: this.freeBytes }),
      onMemoryLacks: () => {
        this.refeeds++;
      },
      onMemory: (memory) => {
        this.memories.push(memory);
      },
      onDecoded: (work) => {
        this.decoded.push(work.submodel);
      },
      onRested: () => {
        this.rests++;
      },
    };
  }

  get alive(): FakeEngine[] {
    return this.engines.filter(({ isAlive }) => isAlive);
  }

  get lastEngine(): FakeEngine {
    const engine = this.engines.at(-1);
    if (!engine) throw new Error('no engine was created');
    return engine;
  }

  get lastProbe(): FakeProbe {
    const probe = this.probes.at(-1);
    if (!probe) throw new Error('no probe was created');
    return probe;
  }

  /** Let time pass; what waits for less goes on. */
  pass(ms: number): void {
    this.nowMs += ms;
    for (const { atMs, resolve } of this.waits) if (atMs <= this.nowMs) resolve();
  }

  /** How many waits could still go on. */
  get waiting(): number {
    return this.waits.filter(({ atMs, signal }) => atMs > this.nowMs && !signal.aborted).length;
  }

  private wait(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
      if (signal.aborted) resolve();
      this.waits.push({ atMs: this.nowMs + delayMs, resolve, signal });
    });
  }
}
