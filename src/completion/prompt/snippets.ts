import { withoutClosers } from './closers';

/** A few lines of another file that are similar to the text at the cursor. */
export interface Snippet {
  /** Of the file, from the project's root. */
  readonly path: string;
  readonly text: string;
}

/** A snippet with what it is found by. */
interface Chunk extends Snippet {
  readonly words: ReadonlySet<string>;
}

const CHUNK_LINES = 16;
const STEP_LINES = 8;
/** Lines before the cursor that a snippet has to be like. */
const QUERY_LINES = 12;
/** Chunks of one document at most: only the head of a huge one is known. */
const MAX_CHUNKS = 200;
const MAX_LINE_CHARS = 200;
/** Less similarity than this is chance. */
const MIN_SIMILARITY = 0.15;
/** Chunks between two looks at the clock. */
const STRIDE = 32;
/** Of the text after the cursor, so much tells one place from another: a bracket that the editor closes moves its far end. */
const PLACE_CHARS = 400;

/** Words that every file has tell nothing about a place. */
const WORDS = /[A-Za-z_$][\w$]{2,}/g;

/** The texts of other documents, cut into overlapping snippets, most recently used document first. */
export class SnippetIndex {
  private readonly documents = new Map<string, readonly Chunk[]>();
  private changes = 0;
  private additions = 0;
  private removals = 0;

  /** @param capacity documents that are remembered; the least recently used are forgotten first */
  constructor(private readonly capacity: number) {}

  /** Grows with every change of what is remembered. */
  get revision(): number {
    return this.changes;
  }

  /** Grows when a document comes in that was not known. */
  get added(): number {
    return this.additions;
  }

  /** Grows when something is forgotten that may have been found before. */
  get forgotten(): number {
    return this.removals;
  }

  /** A document as it is now. Only texts that may be quoted go in: `FilePolicy` tells which. */
  set(document: string, path: string, text: string): void {
    this.changes++;
    if (!this.documents.delete(document)) this.additions++;
    this.documents.set(document, chunksOf(path, text));
    const oldest = this.documents.keys().next();
    if (this.documents.size > this.capacity && !oldest.done) this.documents.delete(oldest.value);
  }

  has(document: string): boolean {
    return this.documents.has(document);
  }

  /** A document, or all below a folder. */
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
   * The snippets of other documents that are most similar to the text before the cursor, by the words they share
   * (Jaccard), the best first and none that overlaps a better one. The search ends at `deadlineMs`.
   */
  find(document: string, prefix: string, count: number, now: () => number, deadlineMs: number): Snippet[] {
    const query = wordsOf(prefix.split('\n').slice(-QUERY_LINES).join('\n'));
    if (query.size === 0) return [];
    const found: { chunk: Chunk; similarity: number }[] = [];
    let looked = 0;
    for (const [other, chunks] of [...this.documents].reverse()) {
      if (other === document) continue;
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
 * Snippets that stay while typing only appends to the prompt, because with other ones the engine would have to read it
 * again. They are looked for again if the prompt changes before the cursor's line in any case: in another document, with
 * another window of this one, or with other text after the cursor. If there are none yet, they are looked for whenever the
 * index has changed. A file that comes in late may be more similar: the files of a folder are read one after the other. If a
 * file was forgotten, it may be one that must not be quoted any more.
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

  /** @param windowStart offset at which the prompt's part of the document begins; see `SnippetIndex.find` for the rest */
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

/** Neighbours in a file share their half. */
function overlap(a: string, b: string): boolean {
  const half = (text: string) => text.split('\n').slice(-STEP_LINES).join('\n');
  return a.startsWith(half(b)) || b.startsWith(half(a)) || a === b;
}

function chunksOf(path: string, text: string): Chunk[] {
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

/** Shared words over all words of both. */
function jaccard(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let shared = 0;
  for (const word of a) if (b.has(word)) shared++;
  return shared / (a.size + b.size - shared);
}
