import { join } from 'node:path';
import { queryText } from './chunks/embeddedText';
import type { Embedder } from './embedder';
import { Indexing } from './indexing';
import { priorOf } from './prior';
import type { Root } from './root';
import type { IndexProgress } from './rootIndex';
import {
  type CodeHit,
  NO_PROGRESS,
  type PictureContent,
  type PictureHit,
  type PictureQuery,
  type QueryCost,
  type Search,
  type SearchAnswer,
  SearchFault,
  type SearchOptions,
  type SearchProgress,
} from './search';
import type { TableHit, TableQuery } from './table';

const DEFAULT_LIMIT = 20;
const NEVER = new AbortController().signal;

/** Search in this process. Queries are answered from what is indexed by now. */
export class LocalSearch extends Indexing implements Search {
  private readonly spentMs = new Map<string, number>();

  async code(query: string, options: SearchOptions = {}): Promise<SearchAnswer<CodeHit>> {
    const text = queryText(query);
    const words = { words: text, isUnfinished: options.isUnfinished === true, prior: priorOf(text) };
    return this.answer('code', this.parts.code.embedder, text, options, async (vector, limit) => {
      const found = await this.inRoots(limit, (root) => root.code.search({ ...words, vector }, limit));
      return found.map(({ row: { first, last, name }, ...hit }) => ({
        ...hit,
        ...{ firstLine: first, lastLine: last },
        ...(name === undefined ? {} : { name }),
      }));
    });
  }

  async pictures(query: PictureQuery, options: SearchOptions = {}): Promise<SearchAnswer<PictureHit>> {
    const { pictures } = this.parts;
    if (!pictures)
      throw new SearchFault('There is no encoder of pictures in this installation: install MatCoder again.');
    const find = async (query: TableQuery, limit: number): Promise<PictureHit[]> => {
      const none = Promise.resolve([]);
      const found = await this.inRoots(limit, (root) => root.pictures?.search(query, limit) ?? none);
      return found.map(({ row: { name, set }, ...hit }) => ({ ...hit, name, ...(set === undefined ? {} : { set }) }));
    };
    if ('words' in query) {
      if (!pictures.words)
        throw new SearchFault('There is no encoder of words in this installation: install MatCoder again.');
      const text = queryText(query.words);
      const words = { words: text, isUnfinished: options.isUnfinished === true };
      return this.answer('words', pictures.words, text, options, (vector, limit) => find({ ...words, vector }, limit));
    }
    const content = await pictures.contentOf(query.bytes, query.name);
    if (content === undefined)
      throw new SearchFault(`${query.name} cannot be read as a picture: choose an SVG, PNG or JPEG file.`);
    return this.answer('pictures', pictures.embedder, content, options, (vector, limit) => find({ vector }, limit));
  }

  async content({ root, path, name, set }: PictureHit): Promise<PictureContent | undefined> {
    const row = { name, ...(set === undefined ? {} : { set }) };
    // A caller may name any file; only those of the index are read.
    const isKnown = this.roots.some((one) => one.path === root && one.pictures?.hasFile(path));
    return isKnown ? this.parts.pictures?.read(join(root, path), row) : undefined;
  }

  costs(kind: 'code' | 'pictures'): readonly QueryCost[] {
    const { code, pictures } = this.parts;
    const embedder = kind === 'code' ? code.embedder : pictures?.words;
    return (embedder?.submodels ?? []).map((submodel) => {
      const embedMs = this.spentMs.get(`${kind === 'code' ? kind : 'words'} ${submodel}`);
      return { submodel, ...(embedMs === undefined ? {} : { embedMs }) };
    });
  }

  /** The files of one kind of index, and those whose pieces are all embedded. */
  filesOf(kind: 'code' | 'pictures'): Pick<IndexProgress, 'filesDone' | 'filesFound'> {
    const all = this.roots.flatMap((root) => root[kind]?.progress ?? []);
    return {
      filesDone: sumOf(all, ({ filesDone }) => filesDone),
      filesFound: sumOf(all, ({ filesFound }) => filesFound),
    };
  }

  get progress(): SearchProgress {
    const all = this.roots.flatMap(({ indexes }) => indexes.map(({ progress }) => progress));
    // Another window walks the folders of which it builds the indexes.
    const mine = this.roots.filter(({ isMine }) => isMine).flatMap(({ indexes }) => indexes);
    const sum = (value: (progress: IndexProgress) => number) => sumOf(all, value);
    const notice = all.find((one) => one.notice !== undefined)?.notice;
    const pictures = sumOf(this.roots, (root) => root.pictures?.progress.rows ?? 0);
    return {
      ...NO_PROGRESS,
      now: this.state,
      filesRead: sum(({ filesRead }) => filesRead),
      filesDone: sum(({ filesDone }) => filesDone),
      filesFound: sum(({ filesFound }) => filesFound),
      isWalked: mine.length > 0 && mine.every(({ progress }) => progress.isWalked),
      chunks: sum(({ rows }) => rows) - pictures,
      pictures,
      bytes: sum(({ bytes }) => bytes),
      isTruncated: all.some(({ isTruncated }) => isTruncated),
      ...(notice === undefined ? {} : { notice }),
    };
  }

  /** Pieces that were embedded in this process. */
  get embedded(): number {
    return sumOf(
      this.roots.flatMap(({ indexes }) => indexes),
      ({ embedded }) => embedded,
    );
  }

  onProgress(listener: (progress: SearchProgress) => void): () => void {
    return this.onChange(() => {
      listener(this.progress);
    });
  }

  private async answer<Content, Hit>(
    kind: string,
    embedder: Embedder<Content>,
    content: Content,
    { submodel = embedder.submodels[0] ?? '', limit = DEFAULT_LIMIT, signal = NEVER }: SearchOptions,
    find: (vector: Float32Array, limit: number) => Promise<Hit[]>,
  ): Promise<SearchAnswer<Hit>> {
    signal.throwIfAborted();
    if (!embedder.submodels.includes(submodel))
      throw new SearchFault(`${submodel}: there is no such size; the sizes are ${embedder.submodels.join(', ')}.`);
    const { clock } = this.parts;
    const end = this.query();
    try {
      const startMs = clock.now();
      const vector = content === '' ? undefined : await embedder.embed([content], submodel, signal);
      const embeddedMs = clock.now();
      if (vector) this.spentMs.set(`${kind} ${submodel}`, embeddedMs - startMs);
      const hits = vector ? await find(vector, limit) : [];
      signal.throwIfAborted();
      const compareMs = clock.now() - embeddedMs;
      return { hits, submodel, embedMs: embeddedMs - startMs, compareMs, progress: this.progress };
    } finally {
      end();
    }
  }

  /** The best of all roots. */
  private async inRoots<Row>(
    limit: number,
    find: (root: Root) => Promise<readonly TableHit<Row>[]>,
  ): Promise<(TableHit<Row> & { readonly root: string })[]> {
    const all = await Promise.all(
      this.roots.map(async (root) => (await find(root)).map((hit) => ({ ...hit, root: root.path }))),
    );
    return all
      .flat()
      .sort((a, b) => b.score - a.score)
      .slice(0, limit);
  }
}

function sumOf<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
