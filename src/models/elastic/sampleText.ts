/** The sample text that a model is made elastic with. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '../../matlm/errors';
import type { SampleFile } from '../heldOut';
import type { SampleParts } from './types';

/** Less text tells neither which units matter nor what a narrower size loses. */
const LEAST_CHARS = 20_000;
/** Without white space at both ends. Shorter files hardly fill a window. */
export const LEAST_FILE_CHARS = 200;
/** Of one file, so that no file decides alone. */
export const MOST_FILE_CHARS = 16_000;
/** Of all files. A few minutes are not enough for more. */
export const MOST_CHARS = 400_000;

/** Of the text. The parts are about as large as what is read of them in a few minutes. */
const SHARES: Readonly<Record<keyof SampleParts, number>> = { calibration: 0.4, search: 0.35, heldOut: 0.25 };
const PARTS = Object.keys(SHARES) as (keyof SampleParts)[];
/** Of its share of `LEAST_CHARS`, what each part has at least: whole files cannot be dealt exactly. */
const LEAST_OF_SHARE = 0.5;

/** Files that are used, and how many are not, because of what they are. */
export interface Used {
  readonly files: readonly SampleFile[];
  /** In them is too little text. */
  readonly short: number;
  /** Their text, as far as it would be used, is that of another file. */
  readonly copies: number;
}

/** Files in the order of the hashes of their paths, so that they are from all folders, and always the same. */
export function usable(files: readonly SampleFile[]): Used {
  const hashOf = ({ path }: SampleFile) => createHash('sha256').update(path).digest('hex');
  const ordered = files
    .map((file) => ({ file, hash: hashOf(file) }))
    .sort((a, b) => (a.hash < b.hash ? -1 : 1))
    .map(({ file }) => file);
  const used: SampleFile[] = [];
  const seen = new Set<string>();
  let [chars, short, copies] = [0, 0, 0];
  for (const { path, text: whole } of ordered) {
    const text = whole.length > MOST_FILE_CHARS ? wholeLines(whole) : whole;
    // A copy in another part of the sample would be known to it.
    if (text.trim().length < LEAST_FILE_CHARS) short++;
    else if (seen.has(text)) copies++;
    else if (chars + text.length <= MOST_CHARS) {
      seen.add(text);
      chars += text.length;
      used.push({ path, text });
    }
  }
  return { files: used, short, copies };
}

/** The first lines of a text that fit. */
function wholeLines(text: string): string {
  return text.slice(0, text.lastIndexOf('\n', MOST_FILE_CHARS - 1) + 1 || MOST_FILE_CHARS);
}

/** Each file goes to the part that lacks most of its share. */
function dealt(files: readonly SampleFile[]): SampleParts {
  const parts = { calibration: [] as SampleFile[], search: [] as SampleFile[], heldOut: [] as SampleFile[] };
  const filled = { calibration: 0, search: 0, heldOut: 0 };
  for (const file of files) {
    const emptiest = PARTS.reduce((least, name) => (filled[name] < filled[least] ? name : least));
    parts[emptiest].push(file);
    filled[emptiest] += file.text.length / SHARES[emptiest];
  }
  return parts;
}

function charsOf(files: readonly SampleFile[]): number {
  return files.reduce((sum, { text }) => sum + text.length, 0);
}

/** Whether `splitSample` takes these files. */
export function isEnough(files: readonly SampleFile[]): boolean {
  return fault(usable(files).files) === undefined;
}

/** What is wrong with a sample; undefined if it is enough. */
function fault(files: readonly SampleFile[]): string | undefined {
  const [chars, least] = [charsOf(files), LEAST_CHARS.toLocaleString('en')];
  const found = `${chars.toLocaleString('en')} characters in ${files.length} ${files.length === 1 ? 'file' : 'files'}`;
  if (chars < LEAST_CHARS || files.length < PARTS.length)
    return `the sample text is too short: ${found}; ${least} in three files are the least`;
  const parts = dealt(files);
  const isFilled = (name: keyof SampleParts) => charsOf(parts[name]) >= LEAST_OF_SHARE * SHARES[name] * LEAST_CHARS;
  if (PARTS.every(isFilled)) return undefined;
  return `the sample text cannot be split into three parts, because most of it is in few files: ${found}`;
}

/**
 * The files in three parts. The same files give the same parts, in any order.
 * @param source where they come from, for the message
 * @throws {CheckpointError} if they hold too little text
 */
export function splitSample(files: readonly SampleFile[], source: string): SampleParts {
  const { files: all } = usable(files);
  const wrong = fault(all);
  if (wrong === undefined) return dealt(all);
  const advice = 'Take a folder with more code. Without narrower sizes the model works as it is.';
  throw new CheckpointError(source, wrong, advice);
}

/**
 * Sources of MatCoder itself in TypeScript, C++ and Python, which the build writes.
 * @param root the extension's folder
 * @throws {CheckpointError} if it is missing
 */
export async function bundledSample(root: string): Promise<readonly SampleFile[]> {
  const file = join(root, 'dist', 'sample.json');
  try {
    return JSON.parse(await readFile(file, 'utf8')) as SampleFile[];
  } catch {
    throw new CheckpointError(file, 'the bundled sample text cannot be read', 'Install MatCoder again.');
  }
}
