import { CutTexts } from '../completion/prompt/snippets';
import type { Outcome } from '../completion/outcome';
import type { Pipeline } from '../completion/pipeline';
import { type CompletionRequest, requestIn } from '../completion/request';
import type { Eagerness } from '../completion/decode/confidence';
import { History } from '../governor/history';
import { codePlaceAt } from '../governor/place';
import type { GovernorSettings } from '../governor/settings';
import { TypingRhythm } from '../governor/typing';
import type { Pipelines } from '../session/pipelines';
import { insertionOf } from './insertion';
import { isSameDocument, linesAround } from './lineSets';
import { PieceSnippets } from './pieceSnippets';
import type { Extra, KnownFile, Piece, Wanted } from './wanted';
import { MAX_PIECES, pieceOf } from './workspace/pieces';

export interface TypistsParts {
  /** Undefined while the engine is not ready. */
  readonly pipelines: () => Pipelines | undefined;
  readonly settings: () => { readonly governor: GovernorSettings; readonly eagerness: Eagerness };
  /** The file that a text is from. */
  readonly fileOf: (wanted: Wanted) => Promise<KnownFile>;
  /** Whether a piece of a file may be quoted. */
  readonly mayQuote: (piece: Piece) => Promise<boolean>;
  readonly now: () => number;
}

/** An answer. The text is empty if the outcome is silence. */
export interface Answered {
  readonly outcome: Outcome;
  readonly text: string;
}

/** The most documents that are completed at the same time. The least recently used one is forgotten first. */
export const MAX_TYPISTS = 32;
/** A request for the text after a suggestion that comes so soon after it is by a program, and not because it was accepted. */
const PREFETCH_MS = 250;
/** Pieces of files of one request. */
const MAX_EXTRA = 64;

/**
 * The people who type, by the documents in which they do. HTTP requests name neither a client nor a document, and a client may
 * open a connection for each, so a request belongs to the document that has the same lines around the cursor. Each document
 * has a pipeline of its own: nothing that was typed or suggested in one reaches another.
 */
export class Typists {
  /** The most recently used one first. */
  private typists: readonly Typist[] = [];
  private readonly texts = new CutTexts(MAX_PIECES);

  constructor(private readonly parts: TypistsParts) {}

  /** @returns undefined if the engine is not ready */
  async complete(wanted: Wanted, signal: AbortSignal): Promise<Answered | undefined> {
    const pipelines = this.parts.pipelines();
    if (!pipelines) return undefined;
    const file = await this.parts.fileOf(wanted);
    const pieces = await this.quotable(wanted.extra);
    if (pipelines !== this.parts.pipelines()) return undefined;
    return this.typistOf(wanted, file, pipelines).complete(wanted, file, pieces, signal);
  }

  /** Forget all that was generated. */
  reset(): void {
    for (const typist of this.typists) typist.reset();
  }

  private typistOf({ prefix, suffix }: Wanted, { path, isNamed }: KnownFile, pipelines: Pipelines): Typist {
    const lines = linesAround(prefix, suffix);
    const name = isNamed ? path : undefined;
    const known = this.typists.find((typist) => typist.isOf(pipelines) && typist.knows(name, prefix, suffix, lines));
    const typist = known ?? this.replaced(pipelines);
    typist.typesIn(name, lines);
    this.typists = [typist, ...this.typists.filter((other) => other !== typist)];
    return typist;
  }

  /** A new typist, with the number of one that was forgotten if there are many. */
  private replaced(pipelines: Pipelines): Typist {
    const [current, old] = [true, false].map((is) => this.typists.filter((typist) => typist.isOf(pipelines) === is));
    for (const typist of old ?? []) typist.close();
    this.typists = current ?? [];
    const oldest = this.typists.length >= MAX_TYPISTS ? this.typists.at(-1) : undefined;
    oldest?.close();
    this.typists = this.typists.filter((typist) => typist !== oldest);
    const taken = new Set(this.typists.map(({ number }) => number));
    const number = Array.from({ length: MAX_TYPISTS }, (_, i) => i).find((i) => !taken.has(i)) ?? 0;
    return new Typist(number, pipelines, this.parts, this.texts);
  }

  private async quotable(extra: readonly Extra[]): Promise<readonly Piece[]> {
    const pieces = extra.slice(-MAX_EXTRA).map(pieceOf);
    const may = await Promise.all(pieces.map((piece) => this.parts.mayQuote(piece)));
    return pieces.filter((_, i) => may[i]);
  }
}

/** One person who types in one document. */
class Typist {
  private readonly rhythm = new TypingRhythm();
  private readonly snippets: PieceSnippets;
  private readonly pipeline: Pipeline;
  /** Answers requests that are made ahead, from which nothing is learned. */
  private readonly ahead: Pipeline;
  /** Undefined if it has none that is known. */
  private path: string | undefined;
  private lines: ReadonlySet<string> = new Set();
  private last: CompletionRequest | undefined;
  private offered: { readonly position: string; readonly atMs: number } | undefined;
  private capMs: number | undefined;

  constructor(
    /** Of its document. */
    readonly number: number,
    private readonly pipelines: Pipelines,
    private readonly parts: TypistsParts,
    texts: CutTexts,
  ) {
    this.snippets = new PieceSnippets(texts, parts.now);
    const settings = () => ({ ...parts.settings().governor, latencyCapMs: this.capMs });
    const eagerness = () => parts.settings().eagerness;
    this.pipeline = pipelines.add({ rhythm: this.rhythm, history: new History(), settings, eagerness });
    this.ahead = pipelines.add({ rhythm: new TypingRhythm(), history: new History(), settings, eagerness });
  }

  isOf(pipelines: Pipelines): boolean {
    return pipelines === this.pipelines;
  }

  /** Whether a text is probably of its document. */
  knows(path: string | undefined, prefix: string, suffix: string, lines: ReadonlySet<string>): boolean {
    if (path !== this.path || !this.last) return false;
    // Of a short document the line of the cursor may be the only one.
    if (lines.size === 0 && this.lines.size === 0) {
      const [a, b] = [prefix, this.last.prefix];
      return a.startsWith(b) || b.startsWith(a) || suffix === this.last.suffix;
    }
    const isLonger = this.last.prefix !== '' && prefix.startsWith(this.last.prefix);
    return isSameDocument(lines, this.lines) || isLonger;
  }

  typesIn(path: string | undefined, lines: ReadonlySet<string>): void {
    this.path = path;
    this.lines = lines;
  }

  async complete(wanted: Wanted, file: KnownFile, pieces: readonly Piece[], signal: AbortSignal): Promise<Answered> {
    const { now } = this.parts;
    const request = this.requestOf(wanted, file, pieces);
    const isAhead =
      this.offered !== undefined &&
      now() - this.offered.atMs < PREFETCH_MS &&
      wanted.prefix.trimEnd() === this.offered.position;
    this.capMs = wanted.budgetMs;
    if (isAhead) return this.answer(await this.ahead.complete(request, signal), wanted);
    this.ahead.reset();
    if (request.prefix !== this.last?.prefix) this.rhythm.key(now(), codePlaceAt(request.prefix));
    this.last = request;
    const answered = this.answer(await this.pipeline.complete(request, signal), wanted);
    this.offered =
      answered.text === '' ? undefined : { position: (wanted.prefix + answered.text).trimEnd(), atMs: now() };
    return answered;
  }

  reset(): void {
    this.pipeline.reset();
    this.ahead.reset();
  }

  close(): void {
    this.pipelines.remove(this.pipeline);
    this.pipelines.remove(this.ahead);
  }

  private answer(outcome: Outcome, { suffix }: Wanted): Answered {
    return { outcome, text: 'suggestion' in outcome ? insertionOf(outcome.suggestion, suffix) : '' };
  }

  /** The request as an editor would make it. What the client cannot tell, such as a selection, counts as absent. */
  private requestOf(
    { prefix, suffix, maxTokens }: Wanted,
    { path, languageId, closed, memory }: KnownFile,
    pieces: readonly Piece[],
  ): CompletionRequest {
    const request = requestIn(path, prefix, suffix);
    const document = `http:${this.number}`;
    const prefixStart = (this.last && movedBy(this.last, request)) ?? request.prefixStart;
    const snippets = this.snippets.at(path, { ...request, prefixStart }, pieces);
    return { ...request, ...{ document, languageId, closed, memory, maxTokens, prefixStart, snippets } };
  }
}

/** Characters by which an excerpt is found in an earlier one. */
const ANCHOR_CHARS = 200;

/**
 * The offset at which an excerpt begins, if it overlaps an earlier one. Clients send a number of lines before the cursor, so the
 * text begins later with every line, and the prompt would begin at another place each time.
 */
function movedBy(last: CompletionRequest, { prefix }: CompletionRequest): number | undefined {
  if (prefix.length < ANCHOR_CHARS) return undefined;
  const at = last.prefix.indexOf(prefix.slice(0, ANCHOR_CHARS));
  return at < 0 ? undefined : last.prefixStart + at;
}
