import type { FileHandle } from 'node:fs/promises';
import type { NativeAddon } from '../engine/addon';
import { messageOf } from '../matlm/errors';
import { openToRead } from '../matlm/systemFault';
import { bytesOf } from './ggmlTypes';
import { ImportError, shown } from './importError';
import type { Part } from './layout';
import type { ImportPlan, PlannedTensor } from './plan';
import { readAll, writeAll } from './wholeReads';

/** What converting needs of the addon. */
export type Converter = Pick<NativeAddon, 'convertRows'>;

/** Numbers that are converted at once: the longest wait for a cancellation, and the memory, of one thread. */
const CHUNK_WEIGHTS = 2 << 20;

export interface ConvertOptions {
  /** Chunks that are converted at once. */
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  /** Of all weights, how many are done. */
  readonly onProgress: (doneWeights: number) => void;
}

/** Some rows of a tensor. */
interface Chunk {
  readonly tensor: PlannedTensor;
  readonly firstRow: number;
  readonly rows: number;
}

/** Bytes that a conversion of a plan holds at once, at most. */
export function workingBytes(plan: ImportPlan, threads: number): number {
  const largest = Math.max(
    ...plan.tensors.map((tensor) => {
      const rows = rowsAtOnce(tensor);
      return bytesOf(tensor.source.type, rows, tensor.columns) + (resultBytes(tensor) * rows) / tensor.rows;
    }),
  );
  return threads * largest;
}

function resultBytes({ values, scales, minimums }: PlannedTensor): number {
  return [values, scales, minimums].reduce((sum, part) => sum + (part ? part.end - part.begin : 0), 0);
}

/** Whole heads, if their rows are interleaved. */
function rowsAtOnce({ rows, columns, source: { headRows } }: PlannedTensor): number {
  const unit = Math.max(1, headRows);
  return Math.min(rows, Math.max(1, Math.floor(CHUNK_WEIGHTS / columns / unit)) * unit);
}

function* chunksOf(plan: ImportPlan): Generator<Chunk> {
  for (const tensor of plan.tensors) {
    const step = rowsAtOnce(tensor);
    for (let firstRow = 0; firstRow < tensor.rows; firstRow += step)
      yield { tensor, firstRow, rows: Math.min(step, tensor.rows - firstRow) };
  }
}

/** The root mean square of the differences, as a share of that of the weights; 0 if no value changed. */
export interface ConvertLoss {
  readonly relativeError: number;
}

/**
 * Write the weights of a plan into a file, some rows at a time. Only these are in memory.
 * @throws {ImportError} naming the tensor at fault @throws the signal's reason if it is aborted @throws if a file cannot be
 * read or written
 */
export async function convert(
  addon: Converter,
  plan: ImportPlan,
  target: FileHandle,
  options: ConvertOptions,
): Promise<ConvertLoss> {
  await target.truncate(plan.fileBytes);
  await writeAll(target, plan.header, 0);
  const sources = new Map<string, FileHandle>();
  try {
    for (const { source } of plan.tensors)
      if (!sources.has(source.file)) sources.set(source.file, await openToRead(source.file));
    let [done, error, sum] = [0, 0, 0];
    const chunks = chunksOf(plan);
    let failed = false;
    const work = async () => {
      for (const chunk of chunks) {
        if (failed) return;
        options.signal?.throwIfAborted();
        const handle = sources.get(chunk.tensor.source.file);
        if (!handle) throw new Error('unreachable: every source is open');
        const loss = await convertChunk(addon, chunk, handle, target, plan.header.length);
        error += loss.squaredError;
        sum += loss.squaredSum;
        done += chunk.rows * chunk.tensor.columns;
        options.onProgress(done);
      }
    };
    const workers = Array.from({ length: options.threads }, () =>
      work().catch((fault: unknown) => {
        failed = true;
        throw fault;
      }),
    );
    // No chunk may still be written when the caller removes the file.
    const ends = await Promise.allSettled(workers);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return { relativeError: sum > 0 ? Math.sqrt(error / sum) : 0 };
  } finally {
    await Promise.all([...sources.values()].map((handle) => handle.close()));
  }
}

async function convertChunk(
  addon: Converter,
  { tensor, firstRow, rows }: Chunk,
  source: FileHandle,
  target: FileHandle,
  dataStart: number,
): Promise<{ squaredError: number; squaredSum: number }> {
  const { columns, form, source: from } = tensor;
  const bytes = Buffer.allocUnsafeSlow(bytesOf(from.type, rows, columns));
  await readAll(from.file, source, bytes, from.begin + bytesOf(from.type, firstRow, columns));
  const output = (part: Part | undefined) => {
    const bytesOfRow = part ? (part.end - part.begin) / tensor.rows : 0;
    return { part, bytesOfRow, bytes: Buffer.allocUnsafeSlow(rows * bytesOfRow) };
  };
  const [values, scales, minimums] = [output(tensor.values), output(tensor.scales), output(tensor.minimums)];
  const loss = await addon
    .convertRows({
      type: from.type,
      form,
      rows,
      k: columns,
      headRows: from.headRows,
      source: bytes,
      values: values.bytes,
      scales: scales.bytes,
      minimums: minimums.bytes,
    })
    .catch((error: unknown) => {
      throw new ImportError(from.file, `the tensor ${shown(from.name)} ${messageOf(error)}`);
    });
  for (const { part, bytesOfRow, bytes: written } of [values, scales, minimums])
    if (part) await writeAll(target, written, dataStart + part.begin + firstRow * bytesOfRow);
  return loss;
}
