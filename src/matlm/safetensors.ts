import { open } from 'node:fs/promises';
import { isObject, parseObject } from './json';
import { CheckpointError } from './errors';
import { named } from './named';
import { regularFileBytes } from './regularFile';
import { unreadable } from './systemFault';

export type TensorType = 'I8' | 'U8' | 'F16' | 'F32';

/** The location of one tensor: bytes `begin` to `end` from the start of the file. */
export interface TensorEntry<Type extends string = TensorType> {
  readonly dtype: Type;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** Bytes of a number. */
const BYTES: ReadonlyMap<TensorType, number> = new Map([
  ['I8', 1],
  ['U8', 1],
  ['F16', 2],
  ['F32', 4],
]);

/** A header has about 150 bytes a tensor. The format allows 100 MB, which takes seconds to parse. */
const MAX_HEADER_BYTES = 4_000_000;

/**
 * Read the header of a safetensors file and check every tensor against the file's size. No weight is read.
 * Format: https://github.com/huggingface/safetensors#format
 * @throws {CheckpointError} naming the tensor at fault
 */
export async function readTensorEntries(file: string): Promise<Record<string, TensorEntry>> {
  return readEntries(file, BYTES);
}

/**
 * The same with types of the caller's choice.
 * @param types bytes of a number, by type
 */
export async function readEntries<Type extends string>(
  file: string,
  types: ReadonlyMap<Type, number>,
): Promise<Record<string, TensorEntry<Type>>> {
  await regularFileBytes(file);
  const handle = await open(file).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  try {
    const { size: fileBytes } = await handle.stat();
    const length = Buffer.alloc(8);
    if ((await handle.read(length, 0, 8, 0)).bytesRead < 8) {
      throw new CheckpointError(file, 'it is shorter than the 8 bytes every safetensors file begins with');
    }
    const headerBytes = length.readBigUInt64LE();
    if (8n + headerBytes > BigInt(fileBytes)) {
      throw new CheckpointError(
        file,
        `its header claims ${headerBytes.toString()} bytes, but the file has ${fileBytes}: it is truncated or not a safetensors file`,
      );
    }
    if (headerBytes > BigInt(MAX_HEADER_BYTES)) {
      throw new CheckpointError(file, `its header has more than ${MAX_HEADER_BYTES / 1e6} MB`);
    }
    const header = Buffer.alloc(Number(headerBytes));
    await handle.read(header, 0, header.length, 8);
    return checkEntries(file, types, parseObject(file, header.toString('utf8')), 8 + header.length, fileBytes);
  } finally {
    await handle.close();
  }
}

function checkEntries<Type extends string>(
  file: string,
  types: ReadonlyMap<Type, number>,
  header: Record<string, unknown>,
  dataStart: number,
  fileBytes: number,
): Record<string, TensorEntry<Type>> {
  const entries = named<TensorEntry<Type>>();
  for (const [name, raw] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const fail = (fault: string): never => {
      throw new CheckpointError(file, `the tensor ${name} ${fault}`);
    };
    if (!isObject(raw)) return fail('has no description');
    const { dtype, shape, data_offsets: offsets } = raw;
    const bytesEach = typeof dtype === 'string' ? types.get(dtype as Type) : undefined;
    if (bytesEach === undefined) return fail(`is of type ${String(dtype)}; ${[...types.keys()].join(', ')} are read`);
    if (!isNaturals(shape)) return fail('has no proper shape');
    if (!isNaturals(offsets) || offsets.length !== 2) return fail('has no proper offsets');
    const [begin, end] = offsets as [number, number];
    const wanted = shape.reduce((product, n) => product * n, bytesEach);
    if (begin > end || end - begin !== wanted) return fail(`takes ${end - begin} bytes, but its shape needs ${wanted}`);
    if (dataStart + end > fileBytes) {
      return fail(`ends ${dataStart + end - fileBytes} bytes after the end of the file, which is truncated`);
    }
    entries[name] = { dtype: dtype as Type, shape, begin: dataStart + begin, end: dataStart + end };
  }
  const inOrder = Object.entries(entries).sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [i, [name, entry]] of inOrder.entries()) {
    const before = inOrder[i - 1];
    if (before && entry.begin < before[1].end) {
      throw new CheckpointError(file, `the tensors ${before[0]} and ${name} overlap`);
    }
  }
  return entries;
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && (n as number) >= 0);
}
