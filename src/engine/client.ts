import { randomUUID } from 'node:crypto';
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
import { type EngineLink, forkedLink, type LinkEvents, type ProgramOptions } from './link';
import type { DocumentId, EngineMemory, MemoryMatch, MemoryPlace, MemoryStats } from './memory';
import type { FromHost, MemoryAnswer, MemoryCall, ToHost } from './protocol';
import { MAX_RESTARTS, Restarts } from './restarts';
import { sharedLink } from './shared/sharedLink';
import { Watchdog } from './watchdog';

export type EngineState =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'ready'; readonly info: EngineInfo }
  /** Its process ended, and is started again after `delayMs`. */
  | { readonly kind: 'restarting'; readonly reason: string; readonly delayMs: number }
  /** Does not start again by itself. */
  | Failed;

export interface Failed {
  readonly kind: 'failed';
  readonly reason: string;
  /** Set if there is no engine for this platform in the installation, or none that loads. */
  readonly lacksEngine?: true;
}

export interface ClientOptions extends ProgramOptions {
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
  /** Use the engine of all windows, which is started if it does not run. Otherwise the process is this client's alone. */
  readonly shared?: SharedWith;
  /** Whether the window has the keyboard: what is typed there is more urgent than in others. */
  readonly isFocused?: () => boolean;
}

export interface SharedWith {
  /** Where the socket is. By default it is in a folder of the user's session. */
  readonly folder?: string;
  /** Receives the reason if the engine cannot be shared, so that this client has one of its own. */
  readonly onUnshared?: (reason: string) => void;
}

/** A process that sends nothing for this long while a request runs is taken to hang. */
const SILENCE_MS = 10_000;
const START_MS = 30_000;
/** Pause before the first restart. */
const BACKOFF_MS = 250;
/** After that many ends in five minutes, a client shares its engine with no other. */
const ALONE_AFTER = 2;
/** Windows that lost the same engine do not all come back at once. */
const SPREAD = { least: 0.6, most: 1.4 };

/** All clients in this process are of one window. */
const WINDOW = randomUUID();

/**
 * The engine in a process of its own, so that a crash there costs a restart and never the editor. Requests that are
 * running when the process ends fail.
 */
export class EngineClient implements Engine, EngineMemory {
  private link: EngineLink | undefined;
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
  /** How long the process may be silent now while a request runs. */
  private silenceMs = SILENCE_MS;
  /** The backend in the process; undefined until the process reports it. */
  private backend: Backend | undefined;
  /** Whether a process ended that may have used a GPU. */
  private avoidsGpu = false;

  constructor(private readonly options: ClientOptions) {
    this.clock = options.clock ?? SYSTEM_CLOCK;
    this.restarts = new Restarts(this.clock.now, BACKOFF_MS);
    this.watchdog = new Watchdog(this.clock, (limitMs) => {
      this.link?.kill();
      this.ended(`did not answer for ${limitMs / 1000} s`, '');
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
    this.stop(true);
    this.restarts.forget();
    this.avoidsGpu = false;
    this.launch();
  }

  /** @param isRestart it is started again: a process that no other window has ends */
  stop(isRestart = false): void {
    this.cancelRestart();
    this.release(isRestart);
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
    const isFocused =
      request.urgency === undefined || request.urgency === 'typing' ? (this.options.isFocused?.() ?? true) : false;
    this.send({ type: 'generate', id, request: isFocused ? { ...request, urgency: 'focused' } : request });
    this.watchdog.expect(this.silenceMs);
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
    const { root, modelFolder, threads, shared, sensors = {} } = this.options;
    this.setState({ kind: 'starting' });
    this.backend = undefined;
    this.silenceMs = SILENCE_MS;
    const events: LinkEvents = {
      onMessage: (message) => {
        if (link === this.link) this.receive(message);
      },
      onEnd: (how, fault, wasReached) => {
        if (link === this.link) this.ended(how, fault, wasReached);
      },
    };
    let link: EngineLink | undefined;
    try {
      // An engine that ends again and again may end because of another window's model, or because of this one's.
      const isAlone = this.restarts.recent() >= ALONE_AFTER;
      if (shared && isAlone) shared.onUnshared?.(`it ended ${ALONE_AFTER} times in five minutes`);
      link = shared && !isAlone ? sharedLink({ ...this.options, ...shared }, events) : forkedLink(this.options, events);
    } catch (error) {
      this.ended('did not start', (error as Error).message);
      return;
    }
    this.link = link;
    this.watchdog.heard(START_MS);
    const { avoidsGpu } = this;
    link.send({ type: 'open', root, folder: modelFolder, threads, sensors, avoidsGpu, window: WINDOW });
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
        this.setState({
          kind: 'failed',
          reason: message.message,
          ...(message.lacksEngine ? { lacksEngine: true } : {}),
        });
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
      case 'alive':
        this.silenceMs = message.limitMs ?? SILENCE_MS;
        break;
      case 'machine':
        this.lastMachine = { ...message.state, readAtMs: this.clock.now() };
        this.options.onMachine?.(this.lastMachine);
        // This is no answer to a request: the sensors' own thread runs even if the engine hangs.
        return;
    }
    if (message.type !== 'alive') this.silenceMs = SILENCE_MS;
    if (this.current.kind === 'starting') this.watchdog.heard(Math.max(START_MS, this.silenceMs));
    else if (this.listeners.size > 0) this.watchdog.heard(this.silenceMs);
    else this.watchdog.rest();
  }

  /** The process has ended, or hangs and is given up. */
  private ended(how: string, fault: string, wasReached = true): void {
    this.release();
    // A graphics driver may have crashed it. That is not certain, but without a GPU the next process is safe.
    if (wasReached && (this.backend === undefined || isOnGpu(this.backend))) this.avoidsGpu = true;
    const reason = `the engine ${how}${fault ? ` (${fault})` : ''}`;
    this.failAll(reason);
    const pauseMs = this.restarts.next();
    if (pauseMs === undefined) {
      this.setState({ kind: 'failed', reason: `${reason}; it failed ${MAX_RESTARTS + 1} times in five minutes` });
      return;
    }
    const { least, most } = SPREAD;
    const delayMs = Math.round(this.options.shared ? pauseMs * (least + Math.random() * (most - least)) : pauseMs);
    this.setState({ kind: 'restarting', reason, delayMs });
    this.cancelRestart = this.clock.after(delayMs, () => {
      this.launch();
    });
  }

  /** Hear no more of the process. It ends if it is this client's alone. */
  private release(isRestart = false): void {
    this.watchdog.rest();
    const { link } = this;
    this.link = undefined;
    link?.close(isRestart);
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
    this.link?.send(message);
  }
}
