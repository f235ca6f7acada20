/** The weights of a model with the hidden units of its feed-forward blocks in another order: the same function. */
import { type FileHandle, open } from 'node:fs/promises';
import type { NativeAddon } from '../../engine/addon';
import type { Checkpoint } from '../../matlm/checkpoint';
import type { TensorEntry } from '../../matlm/safetensors';
import { openToRead } from '../../matlm/systemFault';
import { GROUP } from '../../matlm/tensors';
import { Layout, type Part } from '../layout';
import { readAll, writeAll } from '../wholeReads';
import type { SortedUnits } from './calibrate';
import type { ElasticOptions } from './types';
import { bytesOfEntry, floatsOf, meanName, mlpName, readMatrix, storedMatrix } from './weights';

/** What sorting needs of the addon. */
export type ColumnPermuter = Pick<NativeAddon, 'permuteColumns'>;

const COPIED_BYTES = 8 << 20;

/** A tensor of the new file and how its bytes are made. */
interface Written {
  readonly part: Part;
  readonly bytes: () => Promise<Uint8Array>;
}

/**
 * Write the sorted weights into a new file, with the mean activation of each unit. Rows of gate and up are moved as they are
 * stored. So are the columns of a down whose scales belong to rows; one in groups is quantised again, to 8 bits.
 * @param target must not exist; what was written is left there if it fails
 * @throws the signal's reason if it is aborted @throws if a file cannot be read or written
 */
export async function reorder(
  addon: ColumnPermuter,
  { config, tensors, weightsFile }: Pick<Checkpoint, 'config' | 'tensors' | 'weightsFile'>,
  { order, mean }: SortedUnits,
  target: string,
  { signal, onProgress }: Pick<ElasticOptions, 'signal' | 'onProgress'> = {},
): Promise<void> {
  const source = await openToRead(weightsFile);
  const output = await open(target, 'wx').catch(async (error: unknown) => {
    await source.close();
    throw error;
  });
  try {
    const layout = new Layout();
    const remaining = new Map(Object.entries(tensors));
    const layers = Array.from({ length: config.model.layers }, (_, layer) => {
      const units = order[layer] ?? new Int32Array();
      const tensorsOfLayer = sortedLayer({ layout, remaining, weightsFile, source, addon }, layer, units);
      remaining.delete(meanName(layer));
      const part = layout.add(meanName(layer), 'F32', [config.model.ffnSize]);
      const means = mean[layer] ?? new Float32Array();
      const bytes = () => Promise.resolve(new Uint8Array(means.buffer, means.byteOffset, means.byteLength));
      return [...tensorsOfLayer, { part, bytes }];
    });
    const copied = [...remaining].map(([name, { dtype, shape, begin }]) => ({ part: layout.add(name, dtype, shape), begin }));
    const header = layout.header();
    const total = header.length + layout.bytes;
    await output.truncate(total);
    await writeAll(output, header, 0);
    let written = 0;
    const wrote = (bytes: number) => {
      written += bytes;
      onProgress?.(written / layout.bytes);
      signal?.throwIfAborted();
    };
    for (const { part, bytes } of layers.flat()) {
      await writeAll(output, await bytes(), header.length + part.begin);
      wrote(part.end - part.begin);
    }
    for (const { part, begin } of copied) {
      for (let at = 0; at < part.end - part.begin; at += COPIED_BYTES) {
        const chunk = Buffer.allocUnsafe(Math.min(COPIED_BYTES, part.end - part.begin - at));
        await readAll(weightsFile, source, chunk, begin + at);
        await writeAll(output, chunk, header.length + part.begin + at);
        wrote(chunk.length);
      }
    }
    await output.sync();
  } finally {
    await source.close();
    await output.close();
  }
}

interface Reordering {
  readonly layout: Layout;
  /** Tensors that nothing was planned for yet. */
  readonly remaining: Map<string, TensorEntry>;
  readonly weightsFile: string;
  readonly source: FileHandle;
  readonly addon: ColumnPermuter;
}

function sortedLayer(of: Reordering, layer: number, units: Int32Array): Written[] {
  const rows = (['gate', 'up'] as const).flatMap((matrix) =>
    ['', '_packed', '_scale', '_min'].flatMap((ending) => movedRows(of, `${mlpName(layer, matrix)}${ending}`, units)),
  );
  return [...rows, ...sortedDown(of, mlpName(layer, 'down'), units)];
}

/** A tensor with a row for each unit; none if there is no such tensor. */
function movedRows({ layout, remaining, weightsFile, source }: Reordering, name: string, units: Int32Array): Written[] {
  const entry = remaining.get(name);
  if (!entry) return [];
  remaining.delete(name);
  const bytes = async () => {
    const from = await bytesOfEntry(weightsFile, source, entry);
    const into = Buffer.allocUnsafeSlow(from.length);
    const size = from.length / units.length;
    for (const [place, unit] of units.entries()) from.copy(into, place * size, unit * size, (unit + 1) * size);
    return into;
  };
  return [{ part: layout.add(name, entry.dtype, entry.shape), bytes }];
}

/** A down projection, whose columns are the units. */
function sortedDown({ layout, remaining, weightsFile, source, addon }: Reordering, name: string, units: Int32Array): Written[] {
  const matrix = storedMatrix(Object.fromEntries(remaining), name);
  for (const ending of ['', '_packed', '_scale', '_min']) remaining.delete(`${name}${ending}`);
  const { form, rows, columns } = matrix;
  const isFloat = form === 'float';
  const valueBytes = rows * columns * (isFloat ? 4 : 1);
  const scaleBytes = form === 'rows' || isFloat ? 0 : (2 * rows * columns) / GROUP;
  const sort = async () => {
    const { values: stored, scales, minimums } = await readMatrix(weightsFile, source, matrix);
    const values = isFloat && matrix.values.dtype === 'F16' ? bytesOf(floatsOf(stored, 'F16')) : stored;
    const [sorted, newScales] = [new Uint8Array(valueBytes), new Uint8Array(scaleBytes)];
    const none = new Uint8Array();
    await addon.permuteColumns({
      ...{ form, rows, k: columns, order: units, source: values },
      sourceScales: form === 'rows' ? none : scales,
      sourceMinimums: minimums,
      ...{ values: sorted, scales: newScales },
    });
    return { values: sorted, scales: form === 'rows' ? scales : newScales };
  };
  // Both parts are made at once, and the values are asked for first.
  let made: ReturnType<typeof sort> | undefined;
  const values = { part: layout.add(name, isFloat ? 'F32' : 'I8', [rows, columns]), bytes: async () => (await (made = sort())).values };
  if (isFloat) return [values];
  const scale =
    form === 'rows' && matrix.scales
      ? layout.add(`${name}_scale`, matrix.scales.dtype, matrix.scales.shape)
      : layout.add(`${name}_scale`, 'F16', [rows, columns / GROUP]);
  const bytes = async () => {
    const { scales } = await (made ?? sort());
    made = undefined;
    return scales;
  };
  return [values, { part: scale, bytes }];
}

function bytesOf(numbers: Float32Array<ArrayBuffer>): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}
