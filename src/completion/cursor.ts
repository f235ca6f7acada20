import { type TextKind, textKindOf } from '../workspace/textKinds';
import { blockEndByIndentation } from './syntax/indentation';
import { isWithinText, type KnownStretch, type Scan, scan } from './syntax/lexer';
import { type Lexicon, lexiconOf } from './syntax/lexicon';
import type { BlockEnd } from './syntax/wanted';

/** How an editor indents a document. */
export interface IndentOptions {
  /** Columns of a tab, and spaces of one level. */
  readonly tabSize: number;
  readonly insertSpaces: boolean;
}

/** Where a completion is wanted, as far as a cursor needs to know it. */
export interface CursorPlace {
  readonly path?: string;
  /** Text before the cursor, from some place in the document on. */
  readonly prefix: string;
  /** Offset in the document at which `prefix` begins. */
  readonly prefixStart?: number;
  /** Text after the cursor, up to some place in the document. */
  readonly suffix: string;
  readonly languageId?: string;
  readonly indent?: IndentOptions | undefined;
}

/** What the syntax of a place says of it. */
export interface CursorSyntax {
  /** The block's end is judged by indentation where it is left out. */
  readonly blockEnd?: BlockEnd | undefined;
  /** Strings, comments and the like in `prefix`, where a syntax tree tells. */
  readonly known?: readonly KnownStretch[] | undefined;
  /** The cursor stands in one of them. */
  readonly isText?: boolean | undefined;
}

/** What a decode and its filters need to know of the place. */
export interface Cursor {
  readonly prefix: string;
  readonly suffix: string;
  /** The line before the cursor. */
  readonly linePrefix: string;
  /** The rest of the line after the cursor. */
  readonly lineSuffix: string;
  /** The text after the cursor's line. */
  readonly following: string;
  /** A block is wanted, not the rest of the line. */
  readonly multiline: boolean;
  readonly blockEnd: BlockEnd;
  /** How the document writes values. */
  readonly textKind: TextKind;
  readonly languageId: string;
  readonly lexicon: Lexicon;
  /** How the editor indents where the document does not show it. */
  readonly indent: IndentOptions | undefined;
  /** The cursor stands in a string, in a comment or in prose. */
  readonly isWithinText: boolean;
  /** The text before the cursor as its language reads it. */
  readonly before: Scan;
  /** The text after the cursor as its language reads it; what it closes was open before the cursor. */
  readonly after: Scan;
  /** A text that is written at the cursor, as its language reads it there. */
  readonly scan: (text: string) => Scan;
}

const PROSE = lexiconOf('plaintext');
/** A line that is no longer than this is read again with what is written on it: marks may lie on both sides of the cursor. */
const SHORT_LINE_CHARS = 200;

/** The cursor's surroundings. Each is read when it is first asked for, once. */
export function cursorOf(place: CursorPlace, multiline: boolean, syntax: CursorSyntax = {}): Cursor {
  const { prefix, suffix, languageId = 'plaintext', indent } = place;
  const { blockEnd, known, isText } = syntax;
  const lexicon = lexiconOf(languageId);
  const lineEnd = suffix.indexOf('\n');
  const linePrefix = prefix.slice(prefix.lastIndexOf('\n') + 1);
  const tail = linePrefix.length <= SHORT_LINE_CHARS ? linePrefix : (/\S{0,24}$/.exec(linePrefix)?.[0] ?? '');
  const headEnd = prefix.length - tail.length;
  const beforeTail = linePrefix.slice(0, linePrefix.length - tail.length);
  const isStart = (place.prefixStart ?? 0) === 0;

  const head = once(() => scan(prefix.slice(0, headEnd), lexicon, { isStart, ...(known && { known }) }));
  const knownInTail = once(() =>
    (known ?? [])
      .filter(({ start }) => start >= headEnd)
      .map(({ start, end }) => ({ start: start - headEnd, end: end - headEnd })),
  );
  const scanFrom = (text: string, from: number): Scan =>
    scan(tail + text, lexicon, {
      open: head().open,
      before: beforeTail,
      isStart: isStart && headEnd === 0,
      known: knownInTail(),
      from,
    });
  const before = once((): Scan => {
    const { open, opened, closers, code } = scanFrom('', 0);
    const inPrefix = <T extends { readonly offset: number }>(item: T): T => ({
      ...item,
      offset: item.offset + headEnd,
    });
    return {
      open: open.map((item) => (opened.includes(item) ? inPrefix(item) : item)),
      opened: [],
      closers: [...head().closers, ...closers.map(inPrefix)],
      code: head().code + code,
    };
  });
  // A text after the cursor never begins a line of its own.
  const after = once(() => scan(suffix, lexicon, { open: before().open, before: linePrefix || ' ' }));

  return {
    prefix,
    suffix,
    linePrefix,
    lineSuffix: lineEnd < 0 ? suffix : suffix.slice(0, lineEnd),
    following: lineEnd < 0 ? '' : suffix.slice(lineEnd + 1),
    multiline,
    blockEnd: blockEnd ?? blockEndByIndentation(linePrefix),
    textKind: textKindOf(place.path ?? '', languageId),
    languageId,
    lexicon,
    indent,
    get isWithinText() {
      return isText === true || isWithinText(before().open, lexicon);
    },
    get before() {
      return before();
    },
    get after() {
      return after();
    },
    // Text that the tree alone knows for such, as in JSX, has no marks of its own.
    scan: (text) =>
      isText === true && !isWithinText(before().open, lexicon) ? scan(text, PROSE) : scanFrom(text, tail.length),
  };
}

/** A value that is computed when it is first asked for. */
function once<T>(compute: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => (known ??= { value: compute() }).value;
}
