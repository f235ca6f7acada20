import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SYSTEM_CLOCK } from '../machine/clock';
import { FirstLines } from '../search/firstLines';
import type { LocalSearch } from '../search/localSearch';
import { openSearch } from '../search/openSearch';
import { type CodeHit, percentDone, type PictureHit, SearchFault, type SearchProgress } from '../search/search';
import { indexFolder } from '../search/storage';
import { checkFolder, UsageError } from './place';
import { layOut } from './table';

/** The output of `matcoder index --json`. */
export interface IndexReport {
  readonly folder: string;
  readonly files: number;
  readonly chunks: number;
  readonly pictures: number;
  /** That the index takes in memory. */
  readonly bytes: number;
  readonly seconds: number;
  readonly isTruncated: boolean;
  /** Chunks and pictures that were embedded now; the others were there already. */
  readonly embedded: number;
  readonly notice?: string;
}

export interface IndexOptions {
  readonly folder: string;
  readonly signal: AbortSignal;
  /** One line of progress. */
  readonly say: (line: string) => void;
  /** The folder of all indexes; by default that of the editor's windows. */
  readonly storage?: string | undefined;
}

export interface SearchCommandOptions extends IndexOptions {
  readonly query: string;
  /** `auto` is the largest, because one query costs little. */
  readonly submodel: string;
  readonly limit: number;
  readonly isForPictures: boolean;
}

/** The output of `matcoder search --json`. */
export interface SearchReport {
  readonly submodel: string;
  readonly embedMs: number;
  readonly compareMs: number;
  readonly hits: readonly (CodeHit | PictureHit)[];
}

/** Of a line that stands for a hit without a name. */
const MAX_LINE_CHARS = 60;
/** Between two lines of progress. */
const PROGRESS_MS = 10_000;

/** Bring the index of a folder up to date. An interrupted run keeps what it has done. @throws {UsageError} */
export async function indexCommand(root: string, options: IndexOptions): Promise<IndexReport> {
  const startMs = performance.now();
  return withIndex(root, options, async (search) => {
    await search.whenComplete(options.signal);
    const { filesFound, chunks, pictures, bytes, isTruncated, notice } = progressOf(search);
    sayIfAnother(search, options);
    return {
      ...{ folder: resolve(options.folder), files: filesFound, chunks, pictures, bytes, isTruncated },
      embedded: search.embedded,
      seconds: rounded((performance.now() - startMs) / 1000),
      ...(notice === undefined ? {} : { notice }),
    };
  });
}

/**
 * Search a folder, by the words of all its files and by what of them is embedded: to embed the rest of a large folder takes long.
 * @throws {UsageError}
 */
export async function searchCommand(root: string, options: SearchCommandOptions): Promise<SearchReport> {
  const { query, limit, signal, isForPictures, submodel: asked } = options;
  if (query.trim() === '') throw new UsageError('search takes the words to look for');
  return withIndex(root, options, async (search) => {
    await search.whenRead(signal);
    sayIfAnother(search, options);
    const { now, filesFound: all, isTruncated } = progressOf(search);
    // Whoever waits for another program does not know what files there are.
    if (all === 0 && now.state !== 'waiting')
      options.say(`${options.folder} has no file that may be searched: it is empty, or all are ignored`);
    if (isTruncated)
      options.say(`${options.folder} has more files or pieces than an index takes: not all of it is searched`);
    const kind = isForPictures ? 'pictures' : 'code';
    const { filesDone, filesFound } = search.filesOf(kind);
    if (filesDone < filesFound)
      options.say(
        `${filesFound - filesDone} of ${filesFound} files are searched by their words alone; matcoder index embeds them`,
      );
    const sizes = search.costs(kind).map(({ submodel }) => submodel);
    const submodel = asked === 'auto' ? sizes.at(-1) : asked;
    const named = { limit, signal, ...(submodel === undefined ? {} : { submodel }) };
    const answer = isForPictures ? await search.pictures({ words: query }, named) : await search.code(query, named);
    const { hits, embedMs, compareMs } = answer;
    return { submodel: answer.submodel, embedMs: rounded(embedMs), compareMs: rounded(compareMs), hits };
  });
}

function sayIfAnother(search: LocalSearch, { folder, say }: IndexOptions): void {
  if (progressOf(search).now.state === 'waiting')
    say(`another program builds the index of ${folder}: what it has stored by now is used`);
}

async function withIndex<Result>(
  root: string,
  { folder, say, storage = indexFolder() }: IndexOptions,
  use: (search: LocalSearch) => Promise<Result>,
): Promise<Result> {
  await checkFolder(folder);
  const opened = await openSearch({ root, storage, clock: SYSTEM_CLOCK, say, threads: 1 });
  const { search } = opened;
  let saidMs = performance.now();
  search.onProgress((progress) => {
    if (progress.now.state !== 'indexing' || performance.now() - saidMs < PROGRESS_MS) return;
    saidMs = performance.now();
    say(progressLine(progress));
  });
  // The timers of the search keep no process: a command that waits would end without a word.
  const alive = setInterval(() => undefined, PROGRESS_MS);
  try {
    await search.setRoots([{ path: resolve(folder) }]);
    search.indexNow();
    return await use(search);
  } finally {
    clearInterval(alive);
    await opened.dispose();
  }
}

/** @throws {SearchFault} if there is no index */
function progressOf({ progress }: LocalSearch): SearchProgress {
  if (progress.now.state === 'unavailable') throw new SearchFault(progress.now.fault);
  return progress;
}

function progressLine(progress: SearchProgress): string {
  const { isWalked, filesRead, filesFound, chunks, pictures } = progress;
  if (!isWalked) return `${filesRead} files read so far, which are found by their words`;
  const embedded = `${chunks} chunks${pictures > 0 ? ` and ${pictures} pictures` : ''}`;
  return `all ${filesFound} files are found by their words, ${percentDone(progress)} % of them by meaning too: ${embedded}`;
}

export function indexText({
  folder,
  files,
  chunks,
  pictures,
  bytes,
  seconds,
  embedded,
  isTruncated,
}: IndexReport): string {
  const line = `${folder}: ${files} files, ${chunks} chunks, ${pictures} pictures, ${(bytes / 1e6).toFixed(1)} MB`;
  const more = isTruncated ? '; the folder has more than an index takes' : '';
  return `${line}; ${embedded} embedded now, in ${seconds} s${more}`;
}

/** A line for each hit: its place, its name, or the first line of its text if it has none, and its score. */
export async function hitsText({ hits }: SearchReport): Promise<string> {
  if (hits.length === 0) return 'nothing was found';
  const lines = new FirstLines(({ root, path }) => readFile(join(root, path), 'utf8'));
  const rows = await Promise.all(
    hits.map(async (hit) => {
      const score = hit.score.toFixed(3);
      if (!('firstLine' in hit)) return [hit.path, hit.set === undefined ? hit.name : `${hit.set}:${hit.name}`, score];
      const [line = ''] = await lines.of([hit]);
      return [`${hit.path}:${hit.firstLine + 1}`, hit.name ?? line.slice(0, MAX_LINE_CHARS), score];
    }),
  );
  return layOut(rows, [1]);
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
