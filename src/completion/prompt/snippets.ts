import { dialectOf } from '../syntax/languages';
import { withoutClosers } from './closers';

/** A few lines of another file that are similar to the text at the cursor. */
export interface Snippet {
  /** Of the file, from the project's root. */
  readonly path: string;
  readonly text: string;
}

interface Chunk extends Snippet {
  /** Number of its different words. */
  readonly words: number;
}

/** The overlapping snippets of a document. */
interface Chunks {
  readonly chunks: readonly Chunk[];
  /** By word, the numbers of the chunks that have it. */
  readonly having: ReadonlyMap<string, readonly number[]>;
}

const CHUNK_LINES = 16;
const STEP_LINES = 8;
/** Number of lines before the cursor that snippets are compared with. */
const QUERY_LINES = 12;
/** The most chunks of one document. The rest of a huge one is left out. */
const MAX_CHUNKS = 200;
const MAX_LINE_CHARS = 200;
/** A lower similarity is chance. */
const MIN_SIMILARITY = 0.15;

/** Words of at least three characters. */
const WORDS = /[A-Za-z_$][\w$]{2,}/g;

/** The texts of other documents, cut into overlapping snippets, most recently used document first. */
export class SnippetIndex {
  private readonly documents = new Map<string, Chunks & { readonly text: string }>();
  private changes = 0;
  private additions = 0;
  private removals = 0;

  /**
   * @param capacity number of documents; the least recently used are forgotten first
   * @param cut cuts a text of a document into chunks
   */
  constructor(
    private readonly capacity: number,
    private readonly cut: (path: string, text: string, document: string) => Chunks = chunksOf,
  ) {}

  /** Grows with every change of the index. */
  get revision(): number {
    return this.changes;
  }

  /** Grows when a new document is added. */
  get added(): number {
    return this.additions;
  }

  /** Grows when a document is forgotten whose snippets may be in use. */
  get forgotten(): number {
    return this.removals;
  }

  /** Add or update a document. `FilePolicy` decides which texts may be quoted. */
  set(document: string, path: string, text: string): void {
    this.changes++;
    if (!this.documents.delete(document)) this.additions++;
    this.documents.set(document, { text, ...this.cut(path, text, document) });
    const oldest = this.documents.keys().next();
    if (this.documents.size > this.capacity && !oldest.done) this.documents.delete(oldest.value);
  }

  /** Update a document whose earlier text has gone: a snippet of that leaves the prompt at once. */
  replace(document: string, path: string, text: string): void {
    if (this.documents.get(document)?.text === text) return;
    this.delete(document);
    this.set(document, path, text);
  }

  has(document: string): boolean {
    return this.documents.has(document);
  }

  /** Forget a document, or all below a folder. */
  delete(document: string): void {
    for (const known of this.documents.keys()) {
      if (known !== document && !known.startsWith(`${document}/`)) continue;
      this.documents.delete(known);
      this.changes++;
      this.removals++;
    }
  }

  clear(): void {
    this.changes++;
    this.removals++;
    this.documents.clear();
  }

  /**
   * The snippets of other documents that are most similar to the text before the cursor, by the Jaccard index of their
   * words. The best is first, and none overlaps a better one. A document in another language has none, because the model would
   * go on in that language. The search ends at `deadlineMs`.
   * @param document its last part is the name of the file
   */
  find(document: string, prefix: string, count: number, now: () => number, deadlineMs: number): Snippet[] {
    const query = [...wordsOf(prefix.split('\n').slice(-QUERY_LINES).join('\n'))];
    if (query.length === 0) return [];
    const found: { chunk: Chunk; similarity: number }[] = [];
    const dialect = dialectOf(document);
    for (const [other, { chunks, having }] of [...this.documents].reverse()) {
      if (other === document || dialectOf(other) !== dialect) continue;
      const shared = new Uint16Array(chunks.length);
      for (const word of query) for (const i of having.get(word) ?? []) shared[i] = (shared[i] ?? 0) + 1;
      for (const [i, chunk] of chunks.entries()) {
        const both = shared[i] ?? 0;
        const similarity = both / (query.length + chunk.words - both);
        if (similarity >= MIN_SIMILARITY) found.push({ chunk, similarity });
      }
      // The first one is always searched, however busy the machine is.
      if (now() > deadlineMs) break;
    }
    return best(found, count);
  }
}

/** Number of characters after the cursor that identify a place. The end of the excerpt moves when a bracket is closed. */
const PLACE_CHARS = 400;

/** The same while typing only appends to the prompt. @param windowStart offset in the document at which the prompt's window begins */
export function snippetPlace(document: string, windowStart: number, { suffix }: { readonly suffix: string }): string {
  return `${document}\n${windowStart}\n${withoutClosers(suffix).slice(0, PLACE_CHARS)}`;
}

/**
 * Snippets that stay the same while typing only appends to the prompt, because otherwise the whole prompt would have to be
 * prefilled again. They are searched again in these cases:
 * - The prompt changes before the cursor's line anyway: another document, window or text after the cursor.
 * - None were found yet and the index has changed.
 * - A file was added that may be more similar, because the files of a folder are read one after the other.
 * - A file was forgotten, because it may no longer be quoted or its text has gone.
 */
export class StableSnippets {
  private place = '';
  private found: Snippet[] = [];
  private revision = -1;
  private added = -1;
  private forgotten = -1;

  constructor(
    private readonly index: SnippetIndex,
    private readonly count: number,
  ) {}

  /** @param windowStart offset in the document at which the prompt's window begins */
  at(
    document: string,
    windowStart: number,
    { prefix, suffix }: { readonly prefix: string; readonly suffix: string },
    now: () => number,
    limitMs: number,
  ): readonly Snippet[] {
    const place = snippetPlace(document, windowStart, { suffix });
    const { revision, added, forgotten } = this.index;
    const isLate = this.added !== added || (this.found.length === 0 && this.revision !== revision);
    if (place !== this.place || isLate || this.forgotten !== forgotten) {
      this.found = this.index.find(document, prefix, this.count, now, now() + limitMs);
      this.place = place;
      this.revision = revision;
      this.added = added;
      this.forgotten = forgotten;
    }
    return this.found;
  }
}

function best(found: { chunk: Chunk; similarity: number }[], count: number): Snippet[] {
  found.sort((a, b) => b.similarity - a.similarity);
  const chosen: Snippet[] = [];
  for (const { chunk } of found) {
    if (chosen.length === count) break;
    const isKnown = chosen.some(({ path, text }) => path === chunk.path && overlap(text, chunk.text));
    if (!isKnown) chosen.push({ path: chunk.path, text: chunk.text });
  }
  return chosen;
}

/** Whether one chunk ends with the lines that the other begins with. Neighbours in a file share half of their lines. */
function overlap(a: string, b: string): boolean {
  const half = (text: string) => text.split('\n').slice(-STEP_LINES).join('\n');
  return a.startsWith(half(b)) || b.startsWith(half(a)) || a === b;
}

const MAX_KEPT_CHARS = 64_000;

/** Cuts each text once, for callers that bring the same texts again and again, each under the name of a document of its own. */
export class CutTexts {
  private readonly known = new Map<string, Chunks>();

  /** @param capacity number of texts; the least recently used are forgotten first */
  constructor(private readonly capacity: number) {}

  readonly cut = (path: string, text: string, document: string): Chunks => {
    // To cut it again costs less than to keep it.
    if (text.length > MAX_KEPT_CHARS) return chunksOf(path, text);
    const chunks = this.known.get(document) ?? chunksOf(path, text);
    this.known.delete(document);
    this.known.set(document, chunks);
    const oldest = this.known.keys().next();
    if (this.known.size > this.capacity && !oldest.done) this.known.delete(oldest.value);
    return chunks;
  };
}

function chunksOf(path: string, text: string): Chunks {
  const lines = text.split('\n', MAX_CHUNKS * STEP_LINES);
  const chunks: Chunk[] = [];
  const having = new Map<string, number[]>();
  for (let start = 0; start < lines.length; start += STEP_LINES) {
    const stretch = lines.slice(start, start + CHUNK_LINES).filter((line) => line.length <= MAX_LINE_CHARS);
    const chunk = stretch.join('\n');
    const words = wordsOf(chunk);
    if (words.size === 0) continue;
    for (const word of words) {
      const numbers = having.get(word);
      if (numbers) numbers.push(chunks.length);
      else having.set(word, [chunks.length]);
    }
    chunks.push({ path, text: chunk, words: words.size });
  }
  return { chunks, having };
}

function wordsOf(text: string): Set<string> {
  return new Set(text.match(WORDS));
}
