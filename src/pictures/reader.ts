import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Pixels, PictureFault, type Thumbnail } from './picture';
import type { Job, JobResult, WorkerData } from './worker';

export interface PictureReaderOptions {
  /** The bundle of the thread: `dist/pictureThread.js`. */
  readonly workerFile: string;
  /** resvg as WebAssembly: `dist/resvg.wasm`. */
  readonly wasmFile: string;
  /** Milliseconds of the processor that one picture may take. */
  readonly maxMs?: number;
  /** Bytes that the renderer's memory may have. */
  readonly maxBytes?: number;
}

const MAX_MS = 5000;
/** On a busy machine a picture may wait longer than it takes: so many times as long by the clock. */
const MAX_WAIT = 12;
const MAX_BYTES = 256 * 2 ** 20;
/** An idle thread ends, because it keeps the memory of its largest picture. */
const IDLE_MS = 10_000;

/** The files of the reader in the folder of the bundles. */
export function readerFiles(dist: string): Pick<PictureReaderOptions, 'workerFile' | 'wasmFile'> {
  return { workerFile: join(dist, 'pictureThread.js'), wasmFile: join(dist, 'resvg.wasm') };
}

interface Waiting {
  readonly job: Job;
  readonly settle: (result: JobResult<unknown>) => void;
}

/**
 * Reads pictures one after the other in a thread, which a hostile one can stop, fill or crash: the thread is then ended and
 * replaced, and that picture alone is refused.
 */
export class PictureReader {
  private readonly waiting: Waiting[] = [];
  private worker: Worker | undefined;
  private idle: NodeJS.Timeout | undefined;
  private isBusy = false;
  private isDisposed = false;

  constructor(private readonly options: PictureReaderOptions) {}

  /** As the encoder sees it. @throws {PictureFault} or the signal's reason */
  pixels(bytes: Uint8Array, signal?: AbortSignal): Promise<Pixels> {
    return this.ask<Pixels>({ bytes, thumbnail: undefined }, signal);
  }

  /** As a page shows it. @param side the longer one, in pixels @throws {PictureFault} or the signal's reason */
  thumbnail(bytes: Uint8Array, side: number, signal?: AbortSignal): Promise<Thumbnail> {
    return this.ask<Thumbnail>({ bytes, thumbnail: side }, signal);
  }

  /** End the thread. Pictures that are waited for are refused. */
  dispose(): void {
    this.isDisposed = true;
    this.end();
    for (const { settle } of this.waiting.splice(0)) settle({ fault: 'pictures are not read any more' });
  }

  private async ask<T>(job: Job, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted();
    if (this.isDisposed) throw new PictureFault('pictures are not read any more');
    const answer = await new Promise<JobResult<unknown>>((resolve, reject) => {
      const waiting = { job, settle: resolve };
      // A picture whose turn has come is read to its end, which is near.
      signal?.addEventListener(
        'abort',
        () => {
          const index = this.waiting.indexOf(waiting);
          if (index >= 0) this.waiting.splice(index, 1);
          reject(signal.reason as Error);
        },
        { once: true },
      );
      this.waiting.push(waiting);
      void this.work();
    });
    if ('result' in answer) return answer.result as T;
    throw new PictureFault('fault' in answer ? answer.fault : `it cannot be drawn: ${answer.crash}`);
  }

  private async work(): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    clearTimeout(this.idle);
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
      const result = await this.read(next.job);
      if ('crash' in result) this.end();
      next.settle(result);
    }
    this.isBusy = false;
    this.idle = setTimeout(() => {
      this.end();
    }, IDLE_MS);
    this.idle.unref();
  }

  private read(job: Job): Promise<JobResult<unknown>> {
    const worker = (this.worker ??= this.start());
    const maxMs = this.options.maxMs ?? MAX_MS;
    return new Promise((resolve) => {
      const settle = (result: JobResult<unknown>) => {
        clearTimeout(timer);
        worker.off('message', settle).off('error', failed).off('exit', ended);
        worker.unref(); // an idle thread does not keep a process
        resolve(result);
      };
      const failed = (error: unknown) => {
        settle({ crash: error instanceof Error ? error.message : String(error) });
      };
      const ended = () => {
        settle({ crash: 'its thread has ended' });
      };
      const [startMs, startCpuMs] = [performance.now(), usedMs()];
      // The time of the whole process is at least that of the thread, which cannot be asked for.
      const look = () => {
        const leftMs = maxMs - (usedMs() - startCpuMs);
        const isOver = leftMs <= 0 || performance.now() - startMs >= MAX_WAIT * maxMs;
        if (isOver) settle({ crash: `it took longer than ${maxMs / 1000} s` });
        else timer = setTimeout(look, Math.max(leftMs, maxMs / 50));
      };
      let timer = setTimeout(look, maxMs);
      worker.on('message', settle).on('error', failed).on('exit', ended);
      worker.ref();
      worker.postMessage(job);
    });
  }

  private start(): Worker {
    const { workerFile, wasmFile, maxBytes = MAX_BYTES } = this.options;
    const workerData: WorkerData = { wasmFile, maxBytes };
    const worker = new Worker(workerFile, { workerData });
    // A thread that was ended may still fail, and nobody waits for it.
    worker.on('error', () => undefined);
    return worker;
  }

  private end(): void {
    clearTimeout(this.idle);
    void this.worker?.terminate();
    this.worker = undefined;
  }
}

/** Milliseconds of the processor that this process has used. */
function usedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
