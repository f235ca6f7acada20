import { type ChildProcess, fork } from 'node:child_process';
import { type Clock, SYSTEM_CLOCK } from '../machine/clock';
import type { MachineState } from '../machine/state';
import type { SensorOptions } from './addon';
import {
  type Backend,
  type Engine,
  type EngineInfo,
  failed,
  type GenerateEvent,
  type GenerateRequest,
  isOnGpu,
} from './engine';
import type { HardwareReport } from './hardware';
import type { DocumentId, EngineMemory, MemoryMatch, MemoryPlace, MemoryStats } from './memory';
import type { FromHost, MemoryAnswer, MemoryCall, ToHost } from './protocol';
import { MAX_RESTARTS, Restarts } from './restarts';
import { Watchdog } from './watchdog';

export type EngineState =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'ready'; readonly info: EngineInfo }
  /** Its process ended, and is started again after `delayMs`. */
  | { readonly kind: 'restarting'; readonly reason: string; readonly delayMs: number }
  /** Does not start again by itself. */
  | { readonly kind: 'failed'; readonly reason: string };

export interface ClientOptions {
  /** The bundle of the engine's process. */
  readonly hostFile: string;
  /** The folder that holds the addon. */
  readonly root: string;
  readonly modelFolder: string;
  /** 0 for the engine's own choice. */
  readonly threads: number;
  readonly onState: (state: EngineState) => void;
  /** Readings of the sensors in the engine's process: about one a second, and one whenever the power source changes. */
  readonly onMachine?: (state: MachineState) => void;
  readonly sensors?: SensorOptions;
  /** For timers and for `MachineState.readAtMs`. */
  readonly clock?: Clock;
  readonly execArgv?: readonly string[];
  /** The program that runs the process; by default the one that runs this process. */
  readonly execPath?: string;
}

/** A process that sends nothing for this long while a request runs is taken to hang. */
const SILENCE_MS = 10_000;
const START_MS = 30_000;
/** Pause before the first restart. */
const BACKOFF_MS = 250;

/**
 * The engine in a process of its own, so that a crash there costs a restart and never the editor. Requests that are
 * running when the process ends fail.
 */
export class EngineClient implements Engine, EngineMemory {
  private child: ChildProcess | undefined;
  private current: EngineState = { kind: 'stopped' };
  private nextId = 1;
  private readonly listeners = new Map<number, (event: GenerateEvent) => void>();
  /** By id, what ends each call of the memory that has no answer yet. */
  private readonly calls = new Map<number, (answer: MemoryAnswer) => void>();
  private readonly clock: Clock;
  private readonly restarts: Restarts;
  private readonly watchdog: Watchdog;
  private cancelRestart: () => void = () => undefined;
  private lastMachine: MachineState | undefined;
  /** The last line of the process's stderr, or the reason why it could not be reached. */
  private lastFault = '';
  /** The backend in the process; undefined until the process reports it. */
  private backend: Backend | undefined;
  /** Whether a process ended that may have used a GPU. */
  private avoidsGpu = false;

  constructor(private readonly options: ClientOptions) {
    this.clock = options.clock ?? SYSTEM_CLOCK;
    this.restarts = new Restarts(this.clock.now, BACKOFF_MS);
    this.watchdog = new Watchdog(this.clock, (limitMs) => {
      this.ended(`did not answer for ${limitMs / 1000} s`);
    });
  }

  get state(): EngineState {
    return this.current;
  }

  /** The latest reading of the sensors; undefined while the process does not run. */
  get machine(): MachineState | undefined {
    return this.lastMachine;
  }

  /** Start the process, or end it and start another. Forgets earlier crashes. */
  start(): void {
    this.stop();
    this.restarts.forget();
    this.avoidsGpu = false;
    this.launch();
  }

  stop(): void {
    this.cancelRestart();
    this.release();
    this.failAll('the engine was stopped');
    this.setState({ kind: 'stopped' });
  }

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    if (this.current.kind !== 'ready') {
      listener(failed(`the engine is ${this.current.kind}`));
      return;
    }
    const id = this.nextId++;
    const onAbort = () => {
      this.send({ type: 'abort', id });
    };
    this.listeners.set(id, (event) => {
      if (event.type === 'end') signal.removeEventListener('abort', onAbort);
      listener(event);
    });
    this.send({ type: 'generate', id, request });
    this.watchdog.expect(SILENCE_MS);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  }

  remember(document: DocumentId, text: string): Promise<MemoryStats> {
    return this.call<MemoryStats>({ name: 'remember', document, text });
  }

  forget(documents: readonly DocumentId[]): Promise<MemoryStats> {
    return this.call<MemoryStats>({ name: 'forget', documents });
  }

  look(tokens: readonly number[], place: MemoryPlace): Promise<MemoryMatch> {
    return this.call<MemoryMatch>({ name: 'look', tokens, place });
  }

  /** Give the process a probe's report: it moves to the best backend, and reports when that is ready. */
  adopt(report: HardwareReport): void {
    if (!this.avoidsGpu) this.send({ type: 'adopt', report });
  }

  /** Call the memory in the process. Rejects if the process is not ready, or ends before it has answered. */
  private call<Value extends MemoryStats | MemoryMatch>(call: MemoryCall): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (this.current.kind !== 'ready') {
        reject(new Error(`the engine is ${this.current.kind}`));
        return;
      }
      const id = this.nextId++;
      this.calls.set(id, (answer) => {
        if ('fault' in answer) reject(new Error(answer.fault));
        else resolve(answer.value as Value);
      });
      this.send({ type: 'memory', id, call });
    });
  }

  private launch(): void {
    const { hostFile, root, modelFolder, threads, execArgv, execPath } = this.options;
    this.setState({ kind: 'starting' });
    this.lastFault = '';
    this.backend = undefined;
    let child: ChildProcess;
    try {
      child = fork(hostFile, [], {
        serialization: 'advanced',
        execArgv: [...(execArgv ?? [])],
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
        ...(execPath === undefined ? {} : { execPath }),
      });
    } catch (error) {
      this.lastFault = (error as Error).message;
      this.ended('did not start');
      return;
    }
    this.child = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.lastFault = (chunk.toString().trim().split('\n')[0] ?? '').slice(0, 200);
    });
    child.on('message', (message) => {
      if (child === this.child) this.receive(message as FromHost);
    });
    child.on('error', (error) => {
      if (child !== this.child) return;
      this.lastFault = error.message;
      // There is no exit event for a process that did not start: its file is missing, or no descriptors are left.
      if (child.pid === undefined) this.ended('did not start');
    });
    child.on('exit', (code, signal) => {
      if (child === this.child) this.ended(signal ? `ended by ${signal}` : `ended with exit code ${String(code)}`);
    });
    this.watchdog.heard(START_MS);
    this.send({
      type: 'open',
      root,
      folder: modelFolder,
      threads,
      sensors: this.options.sensors ?? {},
      avoidsGpu: this.avoidsGpu,
    });
  }

  private receive(message: FromHost): void {
    switch (message.type) {
      case 'ready':
        this.backend = message.info.backend;
        this.setState({ kind: 'ready', info: message.info });
        break;
      case 'unusable':
        this.release();
        this.failAll(message.message);
        this.setState({ kind: 'failed', reason: message.message });
        return;
      case 'events': {
        const listener = this.listeners.get(message.id);
        for (const event of message.events) {
          if (event.type === 'end') this.listeners.delete(message.id);
          listener?.(event);
        }
        break;
      }
      case 'memory':
        this.calls.get(message.id)?.(message.answer);
        this.calls.delete(message.id);
        // This is no answer to a request: the process answers it even if the engine's thread hangs.
        return;
      case 'machine':
        this.lastMachine = { ...message.state, readAtMs: this.clock.now() };
        this.options.onMachine?.(this.lastMachine);
        // This is no answer to a request: the sensors' own thread runs even if the engine hangs.
        return;
    }
    if (this.listeners.size > 0) this.watchdog.heard(SILENCE_MS);
    else this.watchdog.rest();
  }

  /** The process has ended, or hangs and is given up. */
  private ended(how: string): void {
    this.release();
    // A graphics driver may have crashed it. That is not certain, but without a GPU the next process is safe.
    if (this.backend === undefined || isOnGpu(this.backend)) this.avoidsGpu = true;
    const reason = `the engine ${how}${this.lastFault ? ` (${this.lastFault})` : ''}`;
    this.failAll(reason);
    const delayMs = this.restarts.next();
    if (delayMs === undefined) {
      this.setState({ kind: 'failed', reason: `${reason}; it failed ${MAX_RESTARTS + 1} times in five minutes` });
      return;
    }
    this.setState({ kind: 'restarting', reason, delayMs });
    this.cancelRestart = this.clock.after(delayMs, () => {
      this.launch();
    });
  }

  /** Kill the process, if there is one, and hear no more of it. */
  private release(): void {
    this.watchdog.rest();
    const { child } = this;
    this.child = undefined;
    child?.kill('SIGKILL');
  }

  private failAll(reason: string): void {
    const listeners = [...this.listeners.values()];
    this.listeners.clear();
    const calls = [...this.calls.values()];
    this.calls.clear();
    for (const listener of listeners) listener(failed(reason));
    for (const end of calls) end({ fault: reason });
  }

  private setState(state: EngineState): void {
    if (state.kind === 'stopped' && this.current.kind === 'stopped') return;
    if (state.kind !== 'ready') this.lastMachine = undefined;
    this.current = state;
    this.options.onState(state);
  }

  private send(message: ToHost): void {
    if (this.child?.connected) this.child.send(message, () => undefined);
  }
}
