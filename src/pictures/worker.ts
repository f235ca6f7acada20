import { readFile } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { initWasm } from '@resvg/resvg-wasm';
import { PictureFault } from './picture';
import { pixelsOf, thumbnailOf } from './renderer';
import { withMemoryLimit } from './wasmMemory';

/** What the thread needs. */
export interface WorkerData {
  /** resvg as WebAssembly. */
  readonly wasmFile: string;
  /** That its memory may have. */
  readonly maxBytes: number;
}

/** What the thread is asked for. */
export interface Job {
  readonly bytes: Uint8Array;
  /** The longer side of a thumbnail in pixels; undefined for the pixels that the encoder sees. */
  readonly thumbnail: number | undefined;
}

export type JobResult<T> =
  | { readonly result: T }
  /** The picture is at fault, and the next one may be read. */
  | { readonly fault: string }
  /** The renderer is at fault, and the thread is of no more use. */
  | { readonly crash: string };

async function main(): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('this file runs in a thread');
  const { wasmFile, maxBytes } = workerData as WorkerData;
  await initWasm(withMemoryLimit(await readFile(wasmFile), maxBytes));
  port.on('message', ({ bytes, thumbnail }: Job) => {
    port.postMessage(resultOf(bytes, thumbnail));
  });
}

function resultOf(bytes: Uint8Array, thumbnail: number | undefined): JobResult<unknown> {
  try {
    return { result: thumbnail === undefined ? pixelsOf(bytes) : thumbnailOf(bytes, thumbnail) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return error instanceof PictureFault ? { fault: message } : { crash: message };
  }
}

void main();
