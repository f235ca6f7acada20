import { SIZES } from '../matlm/config';
import { nameInUse } from '../matlm/submodel';

/** Longer folder names make paths too long for Windows. */
const MAX_ID_CHARS = 40;
const MAX_NAME_CHARS = 60;
/** Endings that have a meaning in the library. */
export const PARTIAL = '.partial';
export const DELETED = '.deleted';
export const LOCK = '.lock';
const MEANINGFUL = /\.(?=(partial|deleted|lock)$)/;
/** Names of devices on Windows, with any extension. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/;
/** Control characters, and those that change the direction of a text. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/**
 * The name of a model's folder, made of its display name: lower-case letters of ASCII, digits, dots and hyphens. It is the
 * same on every file system.
 */
export function idOf(name: string): string {
  const plain = name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/\.{2,}/g, '.')
    .slice(0, MAX_ID_CHARS)
    .replaceAll(/^[-.]+|[-.]+$/g, '')
    .replace(MEANINGFUL, '-');
  return plain === '' || DEVICE.test(plain) ? ['model', plain].filter((part) => part !== '').join('-') : plain;
}

/** Whether a text can be the name of a model's folder, for example one from a settings file. */
export function isId(text: string): boolean {
  const isPlain = text.length <= MAX_ID_CHARS + 4 && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(text);
  return isPlain && !DEVICE.test(text) && !MEANINGFUL.test(text);
}

/** The first of `id`, `id-2`, `id-3` … that is not taken. */
export function* freeIds(id: string): Generator<string> {
  yield id;
  for (let number = 2; ; number++) yield `${id}-${number}`;
}

/** What else stands where a model is named by its display name: a setting's value, a size, or a submodel between two sizes. */
const RESERVED = /^(auto|imported( x*[sml])?|x*[sml][+-]?|mix [\d-]+)$/i;

/** Why a text cannot be the display name of a model. */
export type NameFault = 'empty' | 'too long' | 'invisible characters' | 'reserved' | 'taken';

/** @param others display names of the other models, whose sizes have names too: `NAME L` */
export function nameFault(name: string, others: readonly string[]): NameFault | undefined {
  const trimmed = name.trim();
  if (trimmed === '') return 'empty';
  if (trimmed.length > MAX_NAME_CHARS) return 'too long';
  if (INVISIBLE.test(trimmed)) return 'invisible characters';
  if (RESERVED.test(trimmed)) return 'reserved';
  const key = (text: string) => text.normalize('NFKC').toLowerCase();
  const ofSizes = (model: string) => SIZES.map((size) => key(nameInUse(model, size)));
  const isTaken = (other: string) => ofSizes(other).includes(key(trimmed)) || ofSizes(trimmed).includes(key(other));
  return others.some(isTaken) ? 'taken' : undefined;
}

/** A display name that has no fault, as close to the wanted one as possible. */
export function freeName(wanted: string, others: readonly string[]): string {
  const clean = wanted
    .replaceAll(new RegExp(INVISIBLE, 'gu'), ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, MAX_NAME_CHARS - 4)
    .trim();
  const base = clean === '' ? 'model' : clean;
  let name = base;
  for (let number = 2; nameFault(name, others) !== undefined; number++) name = `${base} ${number}`;
  return name;
}
