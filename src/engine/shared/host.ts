import { SYSTEM_CLOCK, type Clock } from '../../machine/clock';
import { messageOf } from '../../matlm/errors';
import type { SensorOptions } from '../addon';
import { failed, type GenerateEvent } from '../engine';
import { GPU_IS_USED, shareGpu } from '../gpuSharing';
import { hardwareFile, readReport } from '../hardwareFile';
import { AddonError } from '../loadAddon';
import { LocalMemory } from '../localMemory';
import type { EngineMemory } from '../memory';
import { answerCall, NO_MEMORY } from '../memoryHost';
import type { NativeMemory } from '../addon';
import { openMemory } from '../native';
import type { FromHost, ToHost } from '../protocol';
import { type SensedState, watchMachine } from '../sensors';
import { machineOf } from '../thisMachine';
import { Models, type ModelsParts, type ModelUse } from './models';
import { schedule } from './requests';
import { Scheduler } from './scheduler';

/** All that one engine process has: models, the order of requests, sensors. Each window that is connected is a `ServedClient`. */
export class EngineHost {
  readonly scheduler: Scheduler;
  readonly models: Models;
  private readonly watches = new Map<string, Watch>();
  private readonly clients = new Set<ServedClient>();
  private nextKey = 1;
  private onLoading: (limitMs: number | undefined) => void = () => undefined;

  /** @param parts stand in for those of this machine */
  constructor(
    readonly clock: Clock = SYSTEM_CLOCK,
    parts: Partial<ModelsParts> = {},
  ) {
    this.scheduler = new Scheduler(clock);
    const onProgress = () => {
      this.progressed();
    };
    this.models = new Models({
      clock,
      inTurn: this.scheduler.inTurn('the process itself', 'measuring', onProgress),
      report: (root, weightsFile) => readReport(hardwareFile(), machineOf(root, weightsFile)),
      onLoad: (bytes) => {
        this.loads(bytes);
      },
      onProgress,
      sensed: () => this.sensed(),
      ...parts,
    });
  }

  /** @param send gives a message to the client */
  connect(send: (message: FromHost) => void): ServedClient {
    const client = new ServedClient(this, send, () => {
      this.clients.delete(client);
    });
    this.clients.add(client);
    return client;
  }

  /** Whether no client is connected. */
  get isUnused(): boolean {
    return this.clients.size === 0;
  }

  /** Call `listener` before weights are loaded, with the time for which the process may answer nothing, and with undefined afterwards. */
  whenLoading(listener: (limitMs: number | undefined) => void): void {
    this.onLoading = listener;
  }

  /** A number that no document of any window has had. */
  newKey(): number {
    return this.nextKey++;
  }

  /**
   * Something has come a step further: the clients that wait for it hear that the process does not hang.
   * @param by the client whose request it is, which hears of it anyway
   */
  progressed(by?: ServedClient): void {
    for (const client of this.clients) if (client !== by) client.waits();
  }

  /** This process does nothing but load weights for a while. Windows that ask for something meanwhile have to wait. */
  private loads(bytes: number): void {
    const limitMs = LEAST_LOADING_MS + bytes / LEAST_BYTES_PER_MS;
    this.onLoading(limitMs);
    for (const client of this.clients) client.alive(limitMs);
    setImmediate(() => {
      this.onLoading(undefined);
      for (const client of this.clients) client.alive();
    });
  }

  /** Resolves when the sensors have been read once, if any are open, but after LONGEST_READING_MS at the latest. */
  private async sensed(): Promise<void> {
    const readings = [...this.watches.values()].map(({ read }) => read);
    if (readings.length === 0) return;
    let stopWaiting: () => void = () => undefined;
    const timeout = new Promise<void>((resolve) => {
      stopWaiting = this.clock.after(LONGEST_READING_MS, resolve);
    });
    await Promise.race([timeout, ...readings]);
    stopWaiting();
  }

  /**
   * Listen to the sensors, which are read once for all that ask for the same ones.
   * @returns stops it
   * @throws {AddonError}
   */
  watch(root: string, options: SensorOptions, listener: (state: SensedState) => void): () => void {
    const key = JSON.stringify(options);
    let watch = this.watches.get(key);
    if (!watch) {
      const listeners = new Set<(state: SensedState) => void>();
      let sharing = GPU_IS_USED;
      let hasRead: () => void = () => undefined;
      const read = new Promise<void>((resolve) => (hasRead = resolve));
      const made: Watch = { listeners, read, last: undefined, close: () => undefined };
      made.close = watchMachine(root, options, (state) => {
        made.last = state;
        for (const hear of [...listeners]) hear(state);
        sharing = shareGpu(sharing, state.gpu, state.powerSource);
        this.models.yieldGpu(sharing.reason);
        hasRead();
      });
      this.watches.set(key, made);
      watch = made;
    }
    const { listeners, last, close } = watch;
    listeners.add(listener);
    if (last) listener(last);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      close();
      this.watches.delete(key);
    };
  }
}

interface Watch {
  readonly listeners: Set<(state: SensedState) => void>;
  /** The first reading. */
  readonly read: Promise<void>;
  last: SensedState | undefined;
  close: () => void;
}

/** A slow disk, and what a model needs besides its weights. */
const LEAST_BYTES_PER_MS = 20_000;
const LEAST_LOADING_MS = 30_000;

/** A model that waits for the sensors is opened after this time, because they may hang. */
const LONGEST_READING_MS = 1000;

/** Least time between two messages that say only that the process does not hang. */
const ALIVE_EVERY_MS = 1000;

/** One window's connection: it opens one model, and has a memory and documents of its own. */
export class ServedClient {
  private owner = '';
  private isOpening = false;
  private use: ModelUse | undefined;
  private memory: EngineMemory = NO_MEMORY;
  private native: NativeMemory | undefined;
  private readonly running = new Map<number, AbortController>();
  /** The engine's number of each of the window's documents. */
  private readonly keys = new Map<number, number>();
  private readonly ends: (() => void)[] = [];
  private aliveMs = -Infinity;
  private isClosed = false;

  constructor(
    private readonly host: EngineHost,
    private readonly deliver: (message: FromHost) => void,
    private readonly onClose: () => void,
  ) {}

  /** @throws {Error} if the message makes no sense: the client is not worth listening to any more */
  receive(message: ToHost): void {
    switch (message.type) {
      case 'open':
        this.open(message).catch((error: unknown) => {
          this.unusable(error);
        });
        break;
      case 'adopt':
        this.use?.adopt(message.report).catch((error: unknown) => {
          this.unusable(error);
        });
        break;
      case 'generate':
        this.generate(message);
        break;
      case 'abort':
        this.running.get(message.id)?.abort('the client has aborted it');
        break;
      case 'memory': {
        const { id, call } = message;
        void answerCall(this.memory, call).then((answer) => {
          this.send({ type: 'memory', id, answer });
        });
        break;
      }
      default:
        throw new Error(`the message ${JSON.stringify((message as { type?: unknown }).type)} is unknown`);
    }
  }

  /** The client has gone, and everything that was done for it ends. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const controller of [...this.running.values()]) controller.abort('the client has gone');
    for (const end of this.ends.splice(0)) end();
    this.memory = NO_MEMORY;
    this.native = undefined;
    this.use?.release([...this.keys.values()]);
    this.host.scheduler.forget(this.owner);
    this.onClose();
  }

  /** Tell a client that waits for something that the process does not hang, if it has heard nothing for a while. */
  waits(): void {
    if (this.running.size === 0 && !this.isOpening) return;
    const nowMs = this.host.clock.now();
    if (nowMs - this.aliveMs < ALIVE_EVERY_MS) return;
    this.aliveMs = nowMs;
    this.send({ type: 'alive' });
  }

  /** @param limitMs for which the process may be silent; undefined if it is no longer */
  alive(limitMs?: number): void {
    this.send({ type: 'alive', ...(limitMs === undefined ? {} : { limitMs }) });
  }

  unusable(error: unknown): void {
    const faults: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
    const lacksEngine = faults.some((fault) => fault instanceof AddonError);
    this.send({ type: 'unusable', message: messageOf(error), lacksEngine });
  }

  private async open({
    root,
    folder,
    threads,
    sensors,
    avoidsGpu,
    window,
  }: Extract<ToHost, { type: 'open' }>): Promise<void> {
    if (this.isOpening || this.use) throw new Error('the client has a model already');
    this.isOpening = true;
    this.owner = window;
    // Before the model is opened, because the battery decides where that is.
    this.watch(root, sensors);
    const use = await this.host.models.use({ root, folder, threads }, avoidsGpu, {
      onReplaced: () => {
        if (this.use)
          this.ready(this.use).catch((error: unknown) => {
            this.unusable(error);
          });
      },
    });
    if (this.isClosed) {
      use.release([]);
      return;
    }
    this.use = use;
    const native = openMemory(root, use.checkpoint);
    if (native) {
      this.native = native;
      const memory = new LocalMemory(native, use.checkpoint.tokenizer);
      this.memory = memory;
      this.ends.push(() => {
        memory.forgetAll();
      });
    }
    await this.ready(use);
  }

  private watch(root: string, sensors: SensorOptions): void {
    try {
      this.ends.push(
        this.host.watch(root, sensors, (state) => {
          this.send({ type: 'machine', state });
        }),
      );
    } catch (error) {
      // The sensors are part of the addon. If it does not load, the machine's state stays unknown.
      if (!(error instanceof AddonError)) throw error;
    }
  }

  private async ready(use: ModelUse): Promise<void> {
    this.send({ type: 'ready', info: await use.info() });
    this.isOpening = false;
  }

  private generate({ id, request }: Extract<ToHost, { type: 'generate' }>): void {
    const { use } = this;
    if (!use) {
      this.send({ type: 'events', id, events: [failed('the engine is not open yet')] });
      return;
    }
    const controller = new AbortController();
    this.running.set(id, controller);
    // Events that the addon delivers together are sent together.
    let together: GenerateEvent[] = [];
    schedule(this.host.scheduler, {
      owner: this.owner,
      request: { ...request, cacheKey: this.keyOf(request.cacheKey ?? 0) },
      engine: () => use.engine(),
      memory: this.native,
      tokenBytes: use.checkpoint.tokenizer.tokenBytes,
      signal: controller.signal,
      listener: (event) => {
        if (event.type === 'end') this.running.delete(id);
        this.host.progressed(this);
        if (together.push(event) > 1) return;
        queueMicrotask(() => {
          this.send({ type: 'events', id, events: together });
          together = [];
        });
      },
    });
  }

  private keyOf(document: number): number {
    let key = this.keys.get(document);
    if (key === undefined) {
      key = this.host.newKey();
      this.keys.set(document, key);
    }
    return key;
  }

  private send(message: FromHost): void {
    if (!this.isClosed) this.deliver(message);
  }
}
