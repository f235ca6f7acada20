import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** What Linux x64 computed, which the runner names to the other platforms. */
const reference = process.env.MATCODER_PLATFORM_REFERENCE;
/** Where this platform writes what it computed. */
const record = process.env.MATCODER_PLATFORM_RECORD;

const read = (file: string) =>
  existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>) : {};

/** Asserts that a result is the one of Linux x64. There, the first result of a name is written down for all that follow. */
export function sameEverywhere(name: string, result: unknown): void {
  if (record !== undefined) {
    const before = read(record);
    if (name in before) assert.deepEqual(result, before[name], `${name} differs from the first time`);
    writeFileSync(record, `${JSON.stringify({ ...before, [name]: result }, null, 2)}\n`);
  }
  if (reference === undefined) return;
  const expected = read(reference);
  assert.ok(name in expected, `Linux x64 has not written ${name}`);
  assert.deepEqual(result, expected[name], `${name} differs from Linux x64`);
}

/** A digest of the bits of numbers: all platforms are little-endian. */
export function digestOf(numbers: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength))
    .digest('hex');
}
