import { type TextKind, textKindOf } from '../workspace/textKinds';
import { blockEndByIndentation } from './syntax/indentation';
import { scan } from './syntax/lexer';
import { type Lexicon, lexiconOf } from './syntax/lexicon';
import { isWithinText, type KnownStretch, type Scan } from './syntax/reader';
import type { BlockEnd } from './syntax/wanted';

/** How an editor indents a document. */
export interface IndentOptions {
  /** Columns of a tab, and spaces of one level. */
  readonly tabSize: number;
  readonly insertSpaces: boolean;
}

/** The part of a request that a cursor is made from. */
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

/** Results of parsing around the cursor. */
export interface CursorSyntax {
  /** The default is the end by indentation. */
  readonly blockEnd?: BlockEnd | undefined;
  /** Strings, comments and the like in `prefix` according to a syntax tree. */
  readonly known?: readonly KnownStretch[] | undefined;
  /** The cursor is in such a stretch. */
  readonly isText?: boolean | undefined;
}

/** The surroundings of a cursor, for a decode and its filters. */
export interface Cursor {
  readonly prefix: string;
  readonly suffix: string;
  /** The line before the cursor. */
  readonly linePrefix: string;
  /** The rest of the line after the cursor. */
  readonly lineSuffix: string;
  /** The text after the cursor's line. */
  readonly following: string;
  /** Whether a block is wanted instead of the rest of the line. */
  readonly multiline: boolean;
  readonly blockEnd: BlockEnd;
  /** How the document writes values. */
  readonly textKind: TextKind;
  readonly languageId: string;
  readonly lexicon: Lexicon;
  /** The editor's indentation, for a document that does not show its own. */
  readonly indent: IndentOptions | undefined;
  /** The cursor is in a string, in a comment or in prose. */
  readonly isWithinText: boolean;
  /** The scan of the text before the cursor. */
  readonly before: Scan;
  /** The scan of the text after the cursor. Its closers refer to `before.open`. */
  readonly after: Scan;
  /** Scans a text that is written at the cursor. */
  readonly scan: (text: string) => Scan;
}

const PROSE = lexiconOf('plaintext');
/** Up to this length, the line before the cursor is scanned again with each draft, because a mark may span the cursor. */
const SHORT_LINE_CHARS = 200;

/** The surroundings of a cursor. Each scan is made on its first use and kept. */
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
  // The text after the cursor does not begin a line.
  const after = once(() => scan(suffix, lexicon, { open: before().open, before: linePrefix || ' ' }));

  // Text that only the syntax tree recognises has no end mark, so it is scanned as prose.
  const scanHere = (text: string) =>
    isText === true && !isWithinText(before().open, lexicon) ? scan(text, PROSE) : scanFrom(text, tail.length);
  let last: { readonly text: string; readonly scan: Scan } | undefined;

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
    // Several filters scan the same text.
    scan: (text) => {
      if (last?.text !== text) last = { text, scan: scanHere(text) };
      return last.scan;
    },
  };
}

/** A value that is computed on its first use. */
function once<T>(compute: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => (known ??= { value: compute() }).value;
}
