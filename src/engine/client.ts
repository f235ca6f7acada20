import { type ChildProcess, fork } from 'node:child_process';
import type { MachineState } from '../machine/state';
import {
  failed,
  type Backend,
  type Engine,
  type EngineInfo,
  type GenerateEvent,
  type GenerateRequest,
  isOnGpu,
} from './engine';
import type { HardwareReport } from './hardware';
import type { SensorOptions } from './addon';
import type { FromHost, ToHost } from './protocol';

export type EngineState =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'ready'; readonly info: EngineInfo }
  /** Died, and will be started again after `delayMs`. */
  | { readonly kind: 'restarting'; readonly reason: string; readonly delayMs: number }
  /** Will not start again by itself. */
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
  /** What the sensors in the engine's process found: about once a second, and at once where the power source changed. */
  readonly onMachine?: (state: MachineState) => void;
  readonly sensors?: SensorOptions;
  /** The clock of `MachineState.readAtMs`. */
  readonly now?: () => number;
  readonly execArgv?: readonly string[];
  /** A request that says nothing for so long means that the process hangs. */
  readonly silenceMs?: number;
  readonly startMs?: number;
  /** Pause before the first restart; it doubles with each. */
  readonly backoffMs?: number;
}

const MAX_RESTARTS = 3;
const RESTART_WINDOW_MS = 5 * 60_000;
const SILENCE_MS = 10_000;
const START_MS = 30_000;
const BACKOFF_MS = 250;

/**
 * The engine in a process of its own, so that a crash there costs a restart and never the editor. Restarts at most
 * three times in five minutes; requests under way when it dies end as failed.
 */
export class EngineClient implements Engine {
  private child: ChildProcess | undefined;
  private current: EngineState = { kind: 'stopped' };
  private nextId = 1;
  private readonly listeners = new Map<number, (event: GenerateEvent) => void>();
  private readonly restarts: number[] = [];
  private lastMachine: MachineState | undefined;
  private restartTimer: NodeJS.Timeout | undefined;
  private watchdog: NodeJS.Timeout | undefined;
  private lastFault = '';
  /** What ran in the process; undefined until it says. */
  private backend: Backend | undefined;
  /** Whether a process died that may have used a card. */
  private avoidsGpu = false;

  constructor(private readonly options: ClientOptions) {}

  get state(): EngineState {
    return this.current;
  }

  /** The sensors' latest reading; undefined while the process does not run. */
  get machine(): MachineState | undefined {
    return this.lastMachine;
  }

  /** Start the process, or start it afresh; forgets earlier crashes. */
  start(): void {
    this.stop();
    this.restarts.length = 0;
    this.avoidsGpu = false;
    this.launch();
  }

  stop(): void {
    clearTimeout(this.restartTimer);
    const child = this.child;
    this.child = undefined;
    child?.removeAllListeners('exit');
    child?.kill('SIGKILL');
    this.endAll('the engine was stopped');
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
    this.watch();
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  }

  /** A probe has found what runs the model here: the process takes the best of it, and says so when it is ready. */
  adopt(report: HardwareReport): void {
    if (!this.avoidsGpu) this.send({ type: 'adopt', report });
  }

  private launch(): void {
    const { hostFile, root, modelFolder, threads, execArgv } = this.options;
    this.setState({ kind: 'starting' });
    this.lastFault = '';
    this.backend = undefined;
    const child = fork(hostFile, [], {
      serialization: 'advanced',
      execArgv: [...(execArgv ?? [])],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.child = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.lastFault = (chunk.toString().trim().split('\n')[0] ?? '').slice(0, 200);
    });
    child.on('message', (message) => {
      this.receive(message as FromHost);
    });
    child.on('error', (error) => {
      this.lastFault = error.message;
    });
    child.on('exit', (code, signal) => {
      if (child === this.child) this.died(signal ? `by ${signal}` : `with exit code ${String(code)}`);
    });
    this.send({
      type: 'open',
      root,
      folder: modelFolder,
      threads,
      sensors: this.options.sensors ?? {},
      avoidsGpu: this.avoidsGpu,
    });
    this.watch(this.options.startMs ?? START_MS);
  }

  private receive(message: FromHost): void {
    switch (message.type) {
      case 'ready':
        this.backend = message.info.backend;
        this.setState({ kind: 'ready', info: message.info });
        break;
      case 'unusable': {
        const child = this.child;
        this.child = undefined;
        child?.kill();
        this.setState({ kind: 'failed', reason: message.message });
        break;
      }
      case 'events': {
        const listener = this.listeners.get(message.id);
        for (const event of message.events) {
          if (event.type === 'end') this.listeners.delete(message.id);
          listener?.(event);
        }
        break;
      }
      case 'machine':
        this.lastMachine = { ...message.state, readAtMs: (this.options.now ?? (() => performance.now()))() };
        this.options.onMachine?.(this.lastMachine);
        // No answer to a request: the sensors have a thread of their own, and the engine may hang all the same.
        return;
    }
    this.watch();
  }

  /** While an answer is due, silence means a hang: kill the process, and its exit brings a new one. */
  private watch(afterMs = this.options.silenceMs ?? SILENCE_MS): void {
    clearTimeout(this.watchdog);
    if (this.listeners.size === 0 && this.current.kind !== 'starting') return;
    this.watchdog = setTimeout(() => {
      this.lastFault = `it did not answer for ${afterMs / 1000} s`;
      this.child?.kill('SIGKILL');
    }, afterMs);
    this.watchdog.unref();
  }

  private died(how: string): void {
    this.child = undefined;
    // A graphics driver may take its process down: whether it did cannot be told, and without it the next one is safe.
    if (this.backend === undefined || isOnGpu(this.backend)) this.avoidsGpu = true;
    const reason = `the engine ended ${how}${this.lastFault ? ` (${this.lastFault})` : ''}`;
    this.endAll(reason);
    const now = Date.now();
    while (this.restarts[0] !== undefined && now - this.restarts[0] > RESTART_WINDOW_MS) this.restarts.shift();
    if (this.restarts.length >= MAX_RESTARTS) {
      this.setState({ kind: 'failed', reason: `${reason}; it ended ${MAX_RESTARTS + 1} times in five minutes` });
      return;
    }
    const delayMs = (this.options.backoffMs ?? BACKOFF_MS) * 2 ** this.restarts.length;
    this.restarts.push(now);
    this.setState({ kind: 'restarting', reason, delayMs });
    this.restartTimer = setTimeout(() => {
      this.launch();
    }, delayMs);
  }

  private endAll(reason: string): void {
    clearTimeout(this.watchdog);
    const listeners = [...this.listeners.values()];
    this.listeners.clear();
    for (const listener of listeners) listener(failed(reason));
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
