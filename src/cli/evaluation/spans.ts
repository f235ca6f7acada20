import { unmatched } from '../../completion/syntax/brackets';
import { pairsOf } from '../../completion/syntax/closers';
import { indentation, leadingBlanks } from '../../completion/syntax/indentation';
import { languageOf } from '../../completion/syntax/languages';
import { scan } from '../../completion/syntax/lexer';
import { lexiconOf } from '../../completion/syntax/lexicon';
import { Random } from '../../replay/random';

/** The masked text: a line, the rest of one, the rest of one within brackets that the editor closed, or a block. */
export const KINDS = ['line', 'rest', 'brackets', 'block'] as const;
export type Kind = (typeof KINDS)[number];

/** A cursor in a file, and the text of the author there. */
export interface Span {
  readonly kind: Kind;
  readonly path: string;
  readonly prefix: string;
  /** As the editor shows it to the user: with the brackets that it closed. */
  readonly suffix: string;
  /** The text between the two. */
  readonly truth: string;
  /** The line of the cursor and all that follows, as the author wrote it. */
  readonly original: string;
}

const MIN_LINE_CHARS = 4;
const MAX_LINE_CHARS = 160;
const MIN_BLOCK_LINES = 2;
const MAX_BLOCK_LINES = 8;

/** Spans of a file, at most `each` of each kind, drawn by a seed. */
export function spansOf(path: string, text: string, each: number, seed: number): Span[] {
  const random = new Random(seed, path);
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const isCode = (line: string) => {
    const { length } = line.trim();
    return length >= MIN_LINE_CHARS && length <= MAX_LINE_CHARS && /\w/.test(line);
  };
  const coded = lines.flatMap((line, i) => (isCode(line) ? [i] : []));
  const draw = (candidates: readonly number[]) =>
    Array.from({ length: Math.min(each, candidates.length) }, () => candidates[pick(random, candidates.length)] ?? 0);
  const middle = (line: string) => {
    const start = leadingBlanks(line).length + 1;
    return start + pick(random, line.trimEnd().length - start);
  };
  const bracketed = coded.flatMap((i) => openedWithin(path, lines[i] ?? '').map((column) => ({ i, column })));
  return [
    ...draw(coded).map((i) => lineSpan('line', path, lines, i, leadingBlanks(lines[i] ?? '').length)),
    ...draw(coded).map((i) => lineSpan('rest', path, lines, i, middle(lines[i] ?? ''))),
    ...Array.from({ length: Math.min(each, bracketed.length) }, () => bracketed[pick(random, bracketed.length)])
      .filter((place) => place !== undefined)
      .map(({ i, column }) => lineSpan('brackets', path, lines, i, column)),
    ...draw(lines.flatMap((_, i) => (blockBelow(lines, i) > 0 ? [i] : []))).map((i) => blockSpan(path, lines, i)),
  ];
}

function pick(random: Random, length: number): number {
  return Math.floor(random.next() * length);
}

function lineSpan(kind: Kind, path: string, lines: readonly string[], i: number, column: number): Span {
  const line = lines[i] ?? '';
  const linePrefix = line.slice(0, column);
  const below = lines
    .slice(i + 1)
    .map((other) => `\n${other}`)
    .join('');
  return {
    kind,
    path,
    prefix:
      lines
        .slice(0, i)
        .map((other) => `${other}\n`)
        .join('') + linePrefix,
    suffix: (kind === 'brackets' ? closersFor(path, linePrefix) : '') + below,
    truth: line.slice(column).trimEnd(),
    original: line.trimEnd() + below,
  };
}

/** Columns of a line just after a bracket that is closed on it. */
function openedWithin(path: string, line: string): number[] {
  const code = codeOf(path, line);
  return Array.from(code.matchAll(/[([{]/g), ({ index }) => index + 1).filter(
    (column) => unmatched(code.slice(column)).closers.length >= closersFor(path, line.slice(0, column)).length,
  );
}

/** The brackets that the editor inserted after the cursor while those before it were typed. */
function closersFor(path: string, linePrefix: string): string {
  const open = unmatched(codeOf(path, linePrefix)).openers.map(({ bracket }) => bracket);
  const pairs = pairsOf(languageOf(path));
  return open
    .reverse()
    .map((opener) => pairs.find((pair) => pair.open === opener)?.close ?? '')
    .join('');
}

/** A line without the content of its strings and comments. */
function codeOf(path: string, line: string): string {
  return scan(line, lexiconOf(languageOf(path))).code;
}

/** Lines of the block that a line opens, 0 if it opens none or one that is too long. */
function blockBelow(lines: readonly string[], i: number): number {
  const head = lines[i] ?? '';
  if (!/[{:]\s*$/.test(head)) return 0;
  const end = lines.findIndex((line, j) => j > i && line.trim() !== '' && indentation(line) <= indentation(head));
  const count = end - i - 1;
  const isWhole = lines[i + 1]?.trim() !== '' && lines[end - 1]?.trim() !== '';
  return end > 0 && isWhole && count >= MIN_BLOCK_LINES && count <= MAX_BLOCK_LINES ? count : 0;
}

function blockSpan(path: string, lines: readonly string[], i: number): Span {
  const count = blockBelow(lines, i);
  const first = lines[i + 1] ?? '';
  const blanks = leadingBlanks(first);
  const below = lines
    .slice(i + 1 + count)
    .map((other) => `\n${other}`)
    .join('');
  const truth = [first.slice(blanks.length), ...lines.slice(i + 2, i + 1 + count)].join('\n').trimEnd();
  return {
    kind: 'block',
    path,
    prefix:
      lines
        .slice(0, i + 1)
        .map((other) => `${other}\n`)
        .join('') + blanks,
    suffix: below,
    truth,
    original: blanks + truth + below,
  };
}
