import { join } from 'node:path';
import { SIZES } from '../matlm/config';
import { isObject } from '../matlm/json';
import type { Measured } from './importProtocol';
import { readJson, writeJson } from './importRecord';

const MEASURED_FILE = 'measured.json';

/** Empty if nothing was measured, or if the file cannot be read. */
export async function readMeasured(folder: string): Promise<Measured> {
  const json = await readJson(join(folder, MEASURED_FILE));
  if (!isObject(json)) return {};
  const bits = isObject(json.bitsPerByte) ? json.bitsPerByte : {};
  const own = positive(bits.own);
  const textBytes = positive(bits.textBytes);
  return {
    ...optional('typicalMs', positive(json.typicalMs)),
    ...smallerMsOf(json.smallerMs),
    ...(own === undefined || textBytes === undefined
      ? {}
      : {
          bitsPerByte: {
            own,
            textBytes,
            ...optional('shipped', positive(bits.shipped)),
            ...optional('withMemory', positive(bits.withMemory)),
          },
        }),
  };
}

/** Milliseconds of a typical completion by a size; undefined if it was not measured. */
export function typicalMsOf({ typicalMs, smallerMs = {} }: Measured, size: string): number | undefined {
  return size === 'XL' ? typicalMs : Object.hasOwn(smallerMs, size) ? smallerMs[size] : undefined;
}

/** @throws if it cannot be written */
export async function writeMeasured(folder: string, measured: Measured): Promise<void> {
  await writeJson(join(folder, MEASURED_FILE), measured);
}

function smallerMsOf(json: unknown): Pick<Measured, 'smallerMs'> {
  const times = isObject(json) ? json : {};
  const known = SIZES.flatMap((size) => {
    const ms = positive(times[size]);
    return ms === undefined ? [] : [[size, ms] as const];
  });
  return known.length === 0 ? {} : { smallerMs: Object.fromEntries(known) };
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 && value < Infinity ? value : undefined;
}

function optional<Key extends string>(key: Key, value: number | undefined): Partial<Record<Key, number>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<Key, number>>);
}
