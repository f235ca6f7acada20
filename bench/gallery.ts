/**
 * Pieces of files that a prompt may quote, and ways to choose among them: by the words that they share with the text before the
 * cursor, by the embeddings of the code encoder, and by both. The pieces are the chunks of the search by meaning
 * (`src/search/chunks/`), cut to the characters that a snippet may have.
 */
import { dialectOf } from '../src/completion/syntax/languages';
import type { Grammars } from '../src/completion/syntax/grammars';
import type { Snippet } from '../src/completion/prompt/snippets';
import { Lines } from '../src/search/chunks/chunk';
import { chunksOf } from '../src/search/chunks/chunksOf';
import { embeddedText } from '../src/search/chunks/embeddedText';

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** `Encoder` of texts, as far as it is needed here. */
interface TextEncoder {
  embedTexts(texts: readonly string[], options: { readonly submodel: string }): Promise<readonly Float32Array[]>;
  readonly tokenizer: { encode(text: string): readonly number[] } | undefined;
  readonly config: { readonly maxInput: number };
}

/** A chunk of a file. */
interface Piece {
  readonly snippet: Snippet;
  readonly words: ReadonlySet<string>;
  /** By XL, of the whole chunk, of length 1. */
  readonly embedding: Float32Array;
}

/** How pieces are ranked: by shared words, by embeddings with the query by a size of the encoder, or by both. */
export interface Ranking {
  readonly byWords?: boolean;
  readonly submodel?: 'S' | 'XL';
}

/** As in `snippets.ts`, so that only the choice differs. */
const QUERY_LINES = 12;
const MAX_LINE_CHARS = 200;
const MIN_SIMILARITY = 0.15;
const WORDS = /[A-Za-z_$][\w$]{2,}/g;
/** The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009), as in the evaluation of the encoder. */
const RANK_OFFSET = 60;

/** The pieces of files, each embedded once. */
export class Gallery {
  private readonly pieces = new Map<SourceFile, Promise<readonly Piece[]>>();
  private readonly queries = new Map<string, Promise<Float32Array | undefined>>();

  /** @param snippetChars the most characters of a snippet */
  constructor(
    private readonly encoder: TextEncoder,
    private readonly grammars: Grammars,
    private readonly snippetChars: number,
  ) {}

  /**
   * The best piece of some files for a cursor. As the editor does, it leaves out files in another language.
   * @param files without the one that is completed
   */
  async find(files: readonly SourceFile[], path: string, prefix: string, ranking: Ranking): Promise<Snippet[]> {
    const dialect = dialectOf(path);
    const lines = prefix.split('\n').slice(-QUERY_LINES);
    const pieces: Piece[] = [];
    for (const file of files) if (dialectOf(file.path) === dialect) pieces.push(...(await this.of(file)));
    const orders: Piece[][] = [];
    if (ranking.byWords) orders.push(similarByWords(pieces, wordsOf(lines.join('\n'))));
    if (ranking.submodel) {
      const query = await this.query(lines, ranking.submodel);
      if (query) orders.push(byScore(pieces, ({ embedding }) => dot(embedding, query)));
    }
    const best = fused(orders)[0];
    return best ? [best.snippet] : [];
  }

  /** Those of a file are embedded when it is first met. */
  private of(file: SourceFile): Promise<readonly Piece[]> {
    const known = this.pieces.get(file) ?? this.embedded(file);
    this.pieces.set(file, known);
    return known;
  }

  private async embedded({ path, text }: SourceFile): Promise<Piece[]> {
    const lines = new Lines(text);
    const chunks = (await chunksOf(path, text, this.grammars)).map((chunk) => lines.text(chunk));
    const embeddings = await this.encoder.embedTexts(chunks.map(embeddedText), { submodel: 'XL' });
    return chunks.flatMap((chunk, i) => {
      const quoted = withinChars(chunk, this.snippetChars);
      const embedding = embeddings[i];
      return embedding && quoted !== '' ? [{ snippet: { path, text: quoted }, words: wordsOf(quoted), embedding }] : [];
    });
  }

  /** Undefined if there is nothing but blanks before the cursor. */
  private query(lines: readonly string[], submodel: string): Promise<Float32Array | undefined> {
    const text = this.lastThatFit(lines);
    if (text.trim() === '') return Promise.resolve(undefined);
    const key = `${submodel}\n${text}`;
    const known = this.queries.get(key) ?? this.encoder.embedTexts([text], { submodel }).then(([row]) => row);
    this.queries.set(key, known);
    return known;
  }

  /** The encoder reads the beginning of a long text, but the lines next to the cursor say more. */
  private lastThatFit(lines: readonly string[]): string {
    const { tokenizer, config } = this.encoder;
    for (let first = 0; first < lines.length; first++) {
      const text = embeddedText(lines.slice(first).join('\n'));
      if (first === lines.length - 1 || (tokenizer?.encode(text).length ?? 0) <= config.maxInput) return text;
    }
    return '';
  }
}

/** The first lines that fit, without very long ones. */
export function withinChars(chunk: string, chars: number): string {
  const lines: string[] = [];
  let left = chars;
  for (const line of chunk.split('\n')) {
    if (line.length > MAX_LINE_CHARS) continue;
    left -= line.length + (lines.length > 0 ? 1 : 0);
    if (left < 0) break;
    lines.push(line);
  }
  return lines.join('\n').trimEnd();
}

/** One order out of several, by the sum of 1 / (60 + rank), ranks from 1 on; what an order leaves out has nothing from it. */
export function fused<Item>(orders: readonly (readonly Item[])[]): Item[] {
  const scores = new Map<Item, number>();
  for (const order of orders)
    for (const [rank, item] of order.entries())
      scores.set(item, (scores.get(item) ?? 0) + 1 / (RANK_OFFSET + rank + 1));
  return byScore([...scores.keys()], (item) => scores.get(item) ?? 0);
}

/** By the Jaccard index of the words, as far as it is not chance. */
function similarByWords(pieces: readonly Piece[], query: ReadonlySet<string>): Piece[] {
  const similarity = new Map(pieces.map((piece) => [piece, jaccard(query, piece.words)]));
  const similar = pieces.filter((piece) => (similarity.get(piece) ?? 0) >= MIN_SIMILARITY);
  return byScore(similar, (piece) => similarity.get(piece) ?? 0);
}

/** The best first; equal ones keep their order. */
function byScore<Item>(items: readonly Item[], scoreOf: (item: Item) => number): Item[] {
  return items
    .map((item) => ({ item, score: scoreOf(item) }))
    .sort((a, b) => b.score - a.score)
    .map(({ item }) => item);
}

function wordsOf(text: string): Set<string> {
  return new Set(text.match(WORDS));
}

function jaccard(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let shared = 0;
  for (const word of a) if (b.has(word)) shared++;
  return shared === 0 ? 0 : shared / (a.size + b.size - shared);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
