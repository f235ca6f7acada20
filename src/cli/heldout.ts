import { readFile } from 'node:fs/promises';
import { devNull } from 'node:os';
import { languageOf } from '../completion/syntax/languages';
import { isObject } from '../matlm/json';
import { Random } from '../replay/random';
import type { WorkspaceFile } from '../replay/workspace';
import { FilePolicy } from '../workspace/filePolicy';
import { unfitName, unfitText } from '../workspace/memory/fitness';
import { isSecretFile } from '../workspace/secretFiles';
import { checkRegular, unreadableFile, UsageError } from './place';

/** A file of a corpus. */
export interface HeldoutFile {
  readonly package: string;
  readonly path: string;
  /** The language's name in the corpus: TypeScript, TSX. */
  readonly language: string;
  readonly text: string;
}

const REMEDY = '`python -m training.corpus` makes it';

/** The use of a held-out package: one half of them is for fitting, the other for the figures that are reported. */
export type Half = 'fit' | 'figures';

/** By the package's name, so that it stays the same when packages are added. */
function halfOf(name: string): Half {
  return new Random(0, name).next() < 0.5 ? 'fit' : 'figures';
}

/**
 * The files of one half of a corpus, one JSON object per line: first one of each package, then the others, in an order
 * drawn by a seed.
 * @throws {UsageError} naming the line that is no such object
 */
export async function readHeldout(file: string, seed: number, half: Half): Promise<HeldoutFile[]> {
  // /dev/null is an empty corpus, which the caller reports.
  if (file !== devNull) await checkRegular(file, REMEDY);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw unreadableFile(file, error, REMEDY);
  });
  const rows = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, i) => ({ row: parseRow(file, i + 1, line), order: new Random(seed, i).next() }))
    .filter(({ row }) => halfOf(row.package) === half)
    .sort((a, b) => a.order - b.order)
    .map(({ row }) => row);
  const seen = new Set<string>();
  const firsts = new Set(rows.filter(({ package: name }) => !seen.has(name) && seen.add(name)));
  return [...firsts, ...rows.filter((row) => !firsts.has(row))];
}

/** Each package as a workspace: its files that the editor would remember. */
export function packagesOf(rows: readonly HeldoutFile[]): Map<string, WorkspaceFile[]> {
  const policy = new FilePolicy(() => undefined);
  const packages = new Map<string, WorkspaceFile[]>();
  for (const { package: name, path, text } of rows) {
    const files = packages.get(name) ?? [];
    packages.set(name, files);
    if (isSecretFile(path) || unfitName(path) !== undefined) continue;
    const quotable = policy.unsaved({ languageId: languageOf(path), getText: () => text });
    if ('text' in quotable && unfitText(quotable.text) === undefined) files.push({ path, text: quotable.text });
  }
  return packages;
}

function parseRow(file: string, line: number, json: string): HeldoutFile {
  let row: unknown;
  try {
    row = JSON.parse(json);
  } catch {
    row = undefined;
  }
  const { package: name, path, text, language } = isObject(row) ? row : {};
  if (typeof name !== 'string' || typeof path !== 'string' || typeof text !== 'string') {
    throw new UsageError(`${file}:${line}: expected a JSON object with package, path and text`);
  }
  return { package: name, path, text, language: typeof language === 'string' ? language : '' };
}
