/** The text that the command line makes a model elastic with. */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { SampleKind } from '../models/elastic/record';
import {
  bundledSample,
  LEAST_FILE_CHARS,
  MOST_CHARS,
  MOST_FILE_CHARS,
  splitSample,
  usable,
} from '../models/elastic/sampleText';
import type { SampleFile } from '../models/heldOut';
import { type LeftOut, readWorkspace } from './workspaceFolder';

export interface Sample {
  readonly files: readonly SampleFile[];
  readonly kind: SampleKind;
  /** Where it is from, for messages. */
  readonly from: string;
}

/**
 * Read a folder of the user's code, or the sources of MatCoder that come with it. Reading a large folder takes a while, so what
 * is read is said before, and what was found and left out afterwards.
 * @param folder as it was typed; undefined for the bundled sample
 * @throws {CheckpointError} if there is too little text in it @throws {UsageError} if there is no such folder
 * @throws the signal's reason if it is aborted
 */
export async function readSample(
  root: string,
  folder: string | undefined,
  { signal, say }: { readonly signal: AbortSignal; readonly say: (line: string) => void },
): Promise<Sample> {
  const sample = folder === undefined ? await bundled(root, say) : await ofUser(folder, signal, say);
  splitSample(sample.files, sample.from);
  return sample;
}

async function bundled(root: string, say: (line: string) => void): Promise<Sample> {
  const files = await bundledSample(root);
  say(`${sizeOf(files)}, from sources of MatCoder, because --sample names no folder of yours`);
  return { files, kind: 'bundled', from: 'the sample text that comes with MatCoder' };
}

async function ofUser(folder: string, signal: AbortSignal, say: (line: string) => void): Promise<Sample> {
  const from = resolve(folder);
  say(`reading the sample in ${from}`);
  const leftOut = new Map<Reason, number>();
  // The folder may be named by a link to it; links in it are not followed.
  const files = await readWorkspace(await realpath(folder).catch(() => folder), {
    ...{ option: '--sample', signal },
    onLeftOut: (why) => leftOut.set(why, (leftOut.get(why) ?? 0) + 1),
  });
  say(`${sizeOf(files)}, from ${from}`);
  const { copies, short } = usable(files);
  if (copies > 0) leftOut.set('copy', copies);
  if (short > 0) leftOut.set('short', short);
  if (isCut(files))
    say(`of it at most ${counted(MOST_FILE_CHARS)} characters of a file and ${counted(MOST_CHARS)} in all are used`);
  if (leftOut.size > 0) say(`left out: ${describe(leftOut)}`);
  return { files, kind: 'user', from };
}

function sizeOf(files: readonly SampleFile[]): string {
  const number = files.length === 1 ? '1 file' : `${counted(files.length)} files`;
  return `sample: ${number}, ${counted(charsOf(files))} characters`;
}

function isCut(files: readonly SampleFile[]): boolean {
  return charsOf(files) > MOST_CHARS || files.some(({ text }) => text.length > MOST_FILE_CHARS);
}

function charsOf(files: readonly SampleFile[]): number {
  return files.reduce((sum, { text }) => sum + text.length, 0);
}

type Reason = LeftOut | 'copy' | 'short';

/** One of each kind, and several. */
const KINDS: Readonly<Record<Reason, readonly [one: string, many: string]>> = {
  'unreadable folder': ['folder that cannot be read', 'folders that cannot be read'],
  missing: ['file that cannot be read', 'files that cannot be read'],
  'ignored folder': ['ignored folder', 'ignored folders'],
  ignored: ['ignored file', 'ignored files'],
  'secret name': ['file whose name stands for secrets', 'files whose names stand for secrets'],
  secret: ['file with a secret', 'files with secrets'],
  'not text': ['file that is no text', 'files that are no text'],
  'too large': ['file that is too large', 'files that are too large'],
  minified: ['file with lines that are too long', 'files with lines that are too long'],
  generated: ['generated file', 'generated files'],
  link: ['link', 'links'],
  copy: ['copy of another file', 'copies of other files'],
  short: [`file of fewer than ${LEAST_FILE_CHARS} characters`, `files of fewer than ${LEAST_FILE_CHARS} characters`],
};

function describe(leftOut: ReadonlyMap<Reason, number>): string {
  const names = Object.keys(KINDS) as Reason[];
  return names
    .filter((name) => leftOut.has(name))
    .map((name) => {
      const count = leftOut.get(name) ?? 0;
      return `${counted(count)} ${KINDS[name][count === 1 ? 0 : 1]}`;
    })
    .join(', ');
}

function counted(count: number): string {
  return count.toLocaleString('en');
}
