import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { renameOnceFree } from '../machine/replaceFile';
import { isObject } from '../matlm/json';

/** Where an imported model came from, and what it is called. */
export const RECORD_FILE = 'imported.json';

const MAX_TEXT_CHARS = 200;

/** What imported.json says, as far as it is of the right kind. */
export interface ImportRecord {
  readonly name: string | undefined;
  readonly family: string | undefined;
  /** Of a weight in the imported model. */
  readonly bits: number | undefined;
  readonly parameters: number | undefined;
  /** Of the source, for example Q4_1. */
  readonly quantisation: string | undefined;
  readonly licence: string | undefined;
  /** The page of the model. It was checked by `pageOf`. */
  readonly page: string | undefined;
  /** Milliseconds since the epoch. */
  readonly createdMs: number | undefined;
}

/** @param json of imported.json, or anything else @returns every member undefined that is missing or of another kind */
export function recordOf(json: unknown): ImportRecord {
  const source = isObject(json) ? json : {};
  const text = (key: string) => {
    const value = source[key];
    return typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, MAX_TEXT_CHARS) : undefined;
  };
  const number = (key: string) => {
    const value = source[key];
    return typeof value === 'number' && value > 0 && value < Infinity ? value : undefined;
  };
  const created = Date.parse(text('createdAt') ?? '');
  return {
    name: text('name'),
    family: text('family'),
    bits: number('bits'),
    parameters: number('parameters'),
    quantisation: text('quantisation'),
    licence: text('licence'),
    page: pageOf(source.url),
    createdMs: Number.isNaN(created) ? undefined : created,
  };
}

/**
 * The address of a model's page as a file states it, if it may be opened: https, a host with a name, and no user, port,
 * query or fragment. Anyone can write anything into such a file.
 */
export function pageOf(address: unknown): string | undefined {
  if (typeof address !== 'string' || address.length > MAX_TEXT_CHARS || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  const isPlain = [url.username, url.password, url.port, url.search, url.hash].every((part) => part === '');
  const isNamed = /^([a-z0-9-]+\.)+[a-z]{2,}$/.test(url.hostname);
  return url.protocol === 'https:' && isPlain && isNamed ? url.href : undefined;
}

/** Undefined if there is none, or if it is not JSON. */
export async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as unknown;
  } catch {
    return undefined;
  }
}

/** Replaces a file as a whole, so that another window never reads half of it. @throws if it cannot be written */
export async function writeJson(file: string, value: unknown): Promise<void> {
  const written = `${file}.${randomUUID()}`;
  try {
    await writeFile(written, `${JSON.stringify(value, undefined, 2)}\n`);
    await renameOnceFree(written, file);
  } catch (error) {
    await rm(written, { force: true });
    throw error;
  }
}

/** Change the display name in a model's folder, and leave the rest of its record as it is. */
export async function renameRecord(folder: string, name: string): Promise<void> {
  const file = join(folder, RECORD_FILE);
  const found = await readJson(file);
  await writeJson(file, { ...(isObject(found) ? found : {}), name });
}
