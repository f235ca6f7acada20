import { realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../machine/clock';
import { CALIBRATION_FILE } from '../../matlm/calibration';
import { type Checkpoint, openCheckpoint } from '../../matlm/checkpoint';
import { type EngineInfo, FinalError, type InTurn } from '../engine';
import type { FallbackEngine } from '../fallbackEngine';
import type { HardwareReport } from '../hardware';
import { candidates, openEngine, type OpenOptions } from '../openEngine';
import { readOnce } from './readOnce';

/** Weights that nobody has asked for in this time leave the memory. The next request loads them again. */
export const UNLOAD_AFTER_MS = 10 * 60_000;
/** A model that no window has is forgotten after this time. Windows that restart their engine come back within seconds. */
export const FORGET_AFTER_MS = 30_000;

/** What a window asks for. */
export interface ModelRequest {
  /** The folder of the installation. All that use this process have the same files in it. */
  readonly root: string;
  readonly folder: string;
  /** 0 for the engine's own choice. */
  readonly threads: number;
}

/** An engine with all its backends. */
export type OpenedEngine = Pick<
  FallbackEngine,
  'generate' | 'measure' | 'restore' | 'forget' | 'whenReplaced' | 'adopt' | 'yieldGpu' | 'dispose'
>;

/** What the models need of the process. They are passed in, so that a test needs no engine. */
export interface ModelsParts {
  readonly clock: Clock;
  /** Measurements run as jobs among the requests. */
  readonly inTurn: InTurn;
  /** The stored report for a checkpoint. */
  readonly report: (root: string, weightsFile: string) => HardwareReport | undefined;
  /** Weights of that many bytes are loaded next, and nothing else happens in this process meanwhile. */
  readonly onLoad: (bytes: number) => void;
  /** A model has come a step further: windows that wait for it hear that the process does not hang. */
  readonly onProgress: () => void;
  /** Resolves when it is known whether the GPU has to be left alone, as far as the sensors tell. */
  readonly sensed?: () => Promise<void>;
  readonly openCheckpoint?: (folder: string) => Promise<Checkpoint>;
  readonly openEngine?: (...options: Parameters<typeof openEngine>) => OpenedEngine;
  readonly readOnce?: typeof readOnce;
}

/**
 * The models that this process has open, each once for all windows that use it: the same folder with the same files, and
 * the same number of threads.
 */
export class Models {
  private readonly open = new Map<string, Promise<SharedModel>>();
  /** The report that was in use when a process died that may have used a GPU; a newer one may name a GPU again. */
  private avoidedReport: string | undefined;
  /** Why the GPU is yielded now; undefined if it is used. */
  private yieldReason: string | undefined;

  constructor(private readonly parts: ModelsParts) {}

  /**
   * Use a model, which is opened if no other window has it.
   * @param avoidsGpu a process that may have used a GPU died under this window
   * @param events of the model, for this window
   * @throws as `openCheckpoint` and `openEngine`
   */
  async use(request: ModelRequest, avoidsGpu: boolean, events: ModelEvents): Promise<ModelUse> {
    const identity = identityOf(request);
    let opening = this.open.get(identity);
    if (!opening) {
      opening = this.start(request, identity, avoidsGpu);
      this.open.set(identity, opening);
      opening.catch(() => this.open.delete(identity));
    }
    const model = await opening;
    return model.use(avoidsGpu, events);
  }

  /** Yield the GPU for a reason, or take it back if there is none. Models that are opened later do not begin with it either. */
  yieldGpu(reason: string | undefined): void {
    this.yieldReason = reason;
    for (const opening of this.open.values()) {
      opening.then(
        (model) => {
          model.yieldGpu(reason);
        },
        () => undefined, // it is not open
      );
    }
  }

  private async start(request: ModelRequest, identity: string, avoidsGpu: boolean): Promise<SharedModel> {
    const { parts } = this;
    const checkpoint = await (parts.openCheckpoint ?? openCheckpoint)(request.folder);
    await Promise.all([(parts.readOnce ?? readOnce)(checkpoint.weightsFile, parts.onProgress), parts.sensed?.()]);
    return new SharedModel(
      request,
      identity,
      checkpoint,
      {
        ...parts,
        yieldReason: () => this.yieldReason,
        avoidsGpu: (report, asked) => this.avoidsGpu(report, asked),
        onUnused: () => {
          this.open.delete(identity);
        },
      },
      avoidsGpu,
    );
  }

  /** Once a window has said so, all do, until a probe has stored another report. */
  private avoidsGpu(report: HardwareReport | undefined, asked: boolean): boolean {
    const text = JSON.stringify(report ?? null);
    if (asked) this.avoidedReport = text;
    return this.avoidedReport === text;
  }
}

/** What a model tells a window. */
export interface ModelEvents {
  /** Another backend has taken over, or there is something new to say of it. */
  readonly onReplaced: () => void;
}

/** One window's use of a model. */
export interface ModelUse {
  readonly checkpoint: Checkpoint;
  /** The model's engine, which is loaded if it was unloaded. */
  engine(): Promise<Pick<OpenedEngine, 'generate'>>;
  /** The description with the measured costs. */
  info(): Promise<EngineInfo>;
  adopt(report: HardwareReport): Promise<void>;
  /** The window has gone. @param cacheKeys of its documents */
  release(cacheKeys: readonly number[]): void;
}

interface SharedParts extends ModelsParts {
  readonly yieldReason: () => string | undefined;
  readonly avoidsGpu: (report: HardwareReport | undefined, asked: boolean) => boolean;
  readonly onUnused: () => void;
}

class SharedModel {
  private loaded: OpenedEngine | undefined;
  private measured: Promise<EngineInfo> | undefined;
  private readonly users = new Set<ModelEvents>();
  private cancelTimer: () => void = () => undefined;

  constructor(
    private readonly request: ModelRequest,
    private readonly identity: string,
    private readonly checkpoint: Checkpoint,
    private readonly parts: SharedParts,
    private asksToAvoidGpu: boolean,
  ) {
    this.loaded = this.load(checkpoint);
  }

  async use(avoidsGpu: boolean, events: ModelEvents): Promise<ModelUse> {
    const user = { ...events }; // an object of its own, however often a window asks
    this.users.add(user);
    this.wait(); // before a move to other backends, which takes seconds
    if (avoidsGpu && !this.asksToAvoidGpu) {
      this.asksToAvoidGpu = true;
      const report = this.report();
      this.parts.avoidsGpu(report, true);
      await this.useCandidates(report, true);
    }
    return {
      checkpoint: this.checkpoint,
      engine: () => this.engine(),
      info: () => this.info(),
      adopt: (report) => this.adopt(report),
      release: (cacheKeys) => {
        this.users.delete(user);
        if (cacheKeys.length > 0) this.loaded?.forget(cacheKeys);
        this.wait();
      },
    };
  }

  yieldGpu(reason: string | undefined): void {
    // A move that fails rejects its backend, and nothing else.
    void this.loaded?.yieldGpu(reason);
  }

  private report(): HardwareReport | undefined {
    return this.parts.report(this.request.root, this.checkpoint.weightsFile);
  }

  private load(checkpoint: Checkpoint): OpenedEngine {
    const { root } = this.request;
    const { inTurn, yieldReason } = this.parts;
    const report = this.report();
    const avoidsGpu = this.parts.avoidsGpu(report, this.asksToAvoidGpu);
    const options = { ...this.options(report, avoidsGpu), inTurn, yieldReason: yieldReason() };
    const engine = (this.parts.openEngine ?? openEngine)(root, checkpoint, options);
    engine.whenReplaced(() => {
      this.replaced();
    });
    return engine;
  }

  private options(report: HardwareReport | undefined, avoidsGpu: boolean): OpenOptions {
    return { threads: this.request.threads, report, avoidsGpu, onLoad: this.parts.onLoad };
  }

  private replaced(): void {
    this.measured = undefined;
    for (const { onReplaced } of [...this.users]) onReplaced();
  }

  /** It is measured again only if it is on another backend now, and has to know its costs all the same. */
  private loadAgain(checkpoint: Checkpoint): OpenedEngine {
    const engine = this.load(checkpoint);
    this.measured?.then(
      (info) => {
        if (engine === this.loaded && !engine.restore(info)) this.replaced();
      },
      () => undefined,
    );
    return engine;
  }

  private async engine(): Promise<OpenedEngine> {
    this.wait();
    if (this.loaded) return this.loaded;
    // The files may have been replaced meanwhile. The windows' tokenizers and costs are those of the old ones.
    if (identityOf(this.request) !== this.identity)
      throw new Error(`${this.request.folder}: its files have changed; restart the engine`);
    const { parts } = this;
    const checkpoint = await (parts.openCheckpoint ?? openCheckpoint)(this.request.folder);
    await (parts.readOnce ?? readOnce)(checkpoint.weightsFile, parts.onProgress);
    return (this.loaded ??= this.loadAgain(checkpoint));
  }

  private async info(): Promise<EngineInfo> {
    // Windows that come later do not measure again.
    if (!this.measured) {
      const engine = await this.engine();
      this.measured ??= engine.measure();
      this.measured.catch((error: unknown) => {
        this.measured = undefined;
        // No backend is left. Whoever asks next may find that it has become possible.
        if (error instanceof FinalError && engine === this.loaded) this.unload();
      });
    }
    return this.measured;
  }

  private async adopt(report: HardwareReport): Promise<void> {
    await this.useCandidates(report, this.parts.avoidsGpu(report, false));
  }

  private async useCandidates(report: HardwareReport | undefined, avoidsGpu: boolean): Promise<void> {
    await this.loaded?.adopt(candidates(this.request.root, this.checkpoint, this.options(report, avoidsGpu)));
  }

  /** Begins to wait for the time at which the model has not been used for long enough. */
  private wait(): void {
    this.cancelTimer();
    const { clock, onUnused } = this.parts;
    if (this.users.size === 0) {
      this.cancelTimer = clock.after(FORGET_AFTER_MS, () => {
        this.unload();
        onUnused();
      });
      return;
    }
    this.cancelTimer = clock.after(UNLOAD_AFTER_MS, () => {
      this.unload();
    });
  }

  private unload(): void {
    this.loaded?.dispose();
    this.loaded = undefined;
  }
}

/** Files that make up a model, the last of which is not in every folder. A model that is renamed stays the same. */
const FILES = ['config.json', 'tokenizer.json', 'model.safetensors', CALIBRATION_FILE];

/** Equal for the same files, by whatever path they are named. A folder without files is told apart by its path. */
function identityOf({ folder, threads }: ModelRequest): string {
  const read = <T>(get: () => T): T | undefined => {
    try {
      return get();
    } catch {
      return undefined;
    }
  };
  const files = FILES.map((name) => {
    const entry = read(() => statSync(join(folder, name), { bigint: true }));
    return entry ? `${entry.size} ${entry.mtimeNs}` : '';
  });
  return JSON.stringify([read(() => realpathSync(folder)) ?? folder, threads, ...files]);
}
