import { createHash } from 'node:crypto';
import { dialectOf } from '../syntax/languages';
import { withoutClosers } from './closers';

/** A few lines of another file that are similar to the text at the cursor. */
export interface Snippet {
  /** Of the file, from the project's root. */
  readonly path: string;
  readonly text: string;
}

/** A snippet with its words, by which it is found. */
interface Chunk extends Snippet {
  readonly words: ReadonlySet<string>;
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
/** Number of chunks between two reads of the clock. */
const STRIDE = 32;
/** Number of characters after the cursor that identify a place. The end of the excerpt moves when a bracket is closed. */
const PLACE_CHARS = 400;

/** Words of at least three characters. */
const WORDS = /[A-Za-z_$][\w$]{2,}/g;

/** The texts of other documents, cut into overlapping snippets, most recently used document first. */
export class SnippetIndex {
  private readonly documents = new Map<string, readonly Chunk[]>();
  private changes = 0;
  private additions = 0;
  private removals = 0;

  /**
   * @param capacity number of documents; the least recently used are forgotten first
   * @param cut cuts a text into chunks
   */
  constructor(
    private readonly capacity: number,
    private readonly cut: typeof chunksOf = chunksOf,
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
    this.documents.set(document, this.cut(path, text));
    const oldest = this.documents.keys().next();
    if (this.documents.size > this.capacity && !oldest.done) this.documents.delete(oldest.value);
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
    const query = wordsOf(prefix.split('\n').slice(-QUERY_LINES).join('\n'));
    if (query.size === 0) return [];
    const found: { chunk: Chunk; similarity: number }[] = [];
    const dialect = dialectOf(document);
    let looked = 0;
    for (const [other, chunks] of [...this.documents].reverse()) {
      if (other === document || dialectOf(other) !== dialect) continue;
      for (const chunk of chunks) {
        if (looked++ % STRIDE === 0 && now() > deadlineMs) return best(found, count);
        const similarity = jaccard(query, chunk.words);
        if (similarity >= MIN_SIMILARITY) found.push({ chunk, similarity });
      }
    }
    return best(found, count);
  }
}

/**
 * Snippets that stay the same while typing only appends to the prompt, because otherwise the whole prompt would have to be
 * prefilled again. They are searched again in these cases:
 * - The prompt changes before the cursor's line anyway: another document, window or text after the cursor.
 * - None were found yet and the index has changed.
 * - A file was added that may be more similar, because the files of a folder are read one after the other.
 * - A file was forgotten, because it may no longer be quoted.
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
    const place = `${document}\n${windowStart}\n${withoutClosers(suffix).slice(0, PLACE_CHARS)}`;
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

/** Of a text of a file, for what is kept about it longer than the text itself. */
export function keyOf(path: string, text: string): string {
  return createHash('sha256').update(path).update('\n').update(text).digest('base64');
}

/** Cuts each text once, for callers that bring the same texts again and again. */
export class CutTexts {
  private readonly known = new Map<string, readonly Chunk[]>();

  /** @param capacity number of texts; the least recently used are forgotten first */
  constructor(private readonly capacity: number) {}

  readonly cut = (path: string, text: string): readonly Chunk[] => {
    // To cut it again costs less than to keep it.
    if (text.length > MAX_KEPT_CHARS) return chunksOf(path, text);
    const key = keyOf(path, text);
    const chunks = this.known.get(key) ?? chunksOf(path, text);
    this.known.delete(key);
    this.known.set(key, chunks);
    const oldest = this.known.keys().next();
    if (this.known.size > this.capacity && !oldest.done) this.known.delete(oldest.value);
    return chunks;
  };
}

function chunksOf(path: string, text: string): readonly Chunk[] {
  const lines = text.split('\n', MAX_CHUNKS * STEP_LINES);
  const chunks: Chunk[] = [];
  for (let start = 0; start < lines.length; start += STEP_LINES) {
    const stretch = lines.slice(start, start + CHUNK_LINES).filter((line) => line.length <= MAX_LINE_CHARS);
    const chunk = stretch.join('\n');
    const words = wordsOf(chunk);
    if (words.size > 0) chunks.push({ path, text: chunk, words });
  }
  return chunks;
}

function wordsOf(text: string): Set<string> {
  return new Set(text.match(WORDS));
}

/** Number of shared words over that of all words. */
function jaccard(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let shared = 0;
  for (const word of a) if (b.has(word)) shared++;
  return shared / (a.size + b.size - shared);
}
