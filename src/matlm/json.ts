import { CheckpointError } from './errors';

/** Parse a JSON object, or say which file is not one. */
export function parseObject(file: string, text: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new CheckpointError(file, 'it is not JSON');
  }
  if (!isObject(json)) throw new CheckpointError(file, 'it is not a JSON object');
  return json;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON has no Infinity, but `1e999` is read as one. */
export function isPositive(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < Infinity;
}
