import type { Excerpt } from '../prompt/prompt';
import { blockEnd } from './blockEnd';
import { isBracketEnd } from './closers';
import type { Grammar, Grammars } from './grammars';
import type { KnownStretch } from './reader';
import { blockEndByIndentation, wantedByIndentation } from './indentation';
import { emptyBody, headOfBody, knownText, saysWhatFollows } from './tree';
import type { BlockEnd, Wanted } from './wanted';

/** What is to be written at a place: the rest of a line, or a block. */
export interface Shape {
  readonly block: boolean;
  /** For a person to read. */
  readonly reason: string;
  readonly blockEnd: BlockEnd;
  /** Strings and comments before the cursor according to a syntax tree, and whether the cursor is in one. */
  readonly known?: readonly KnownStretch[];
  readonly isText?: boolean;
}

/** Decides what is to be written at a place. */
export interface Syntax {
  /** @param explicit the user asked by hand: at the end of a line that is answered with a block */
  shapeAt(languageId: string, excerpt: Excerpt, explicit: boolean): Promise<Shape>;
}

/** Characters before and after the cursor that are parsed. */
const PREFIX_CHARS = 1500;
const SUFFIX_CHARS = 500;
/** The window's head moves by so much at once, so that the parser sees the text of the last key again. */
const PREFIX_STEP_CHARS = 500;
/** What a request waits for a grammar that is not loaded; the next request has it. */
const GRAMMAR_WAIT_MS = 5;
/** Nothing is missing on the line: what is wanted, if anything, begins on the next. */
const FINISHED = /[;}]\s*$/;

const REASONS: Readonly<Record<Wanted, string>> = {
  body: 'an empty block begins',
  head: 'a head has no body yet',
  statement: 'a comment says what follows',
};

/** Shapes by the languages' grammars, by indentation where there is none. */
export class SyntaxByGrammar implements Syntax {
  constructor(private readonly grammars: Grammars) {}

  async shapeAt(languageId: string, excerpt: Excerpt, explicit: boolean): Promise<Shape> {
    const lineEnd = excerpt.suffix.split('\n', 1)[0] ?? '';
    // A block needs the end of the line, or brackets that are closed on it.
    if (!isBracketEnd(lineEnd)) return line(excerpt);
    const grammar = this.grammars.get(languageId) ?? (await within(this.grammars.load(languageId), GRAMMAR_WAIT_MS));
    return grammar ? shapeByGrammar(grammar, excerpt, explicit) : shapeByIndentation(excerpt, explicit);
  }
}

function shapeByGrammar(grammar: Grammar, excerpt: Excerpt, explicit: boolean): Shape {
  const prefix = prefixWindow(excerpt);
  const suffix = excerpt.suffix.slice(0, SUFFIX_CHARS);
  const texts = knownText(grammar, prefix, suffix, excerpt.prefix.length - prefix.length);
  const wanted = emptyBody(grammar, prefix, suffix)
    ? 'body'
    : headOfBody(grammar, prefix, suffix)
      ? 'head'
      : saysWhatFollows(grammar, prefix, suffix)
        ? 'statement'
        : undefined;
  return { ...shape(wanted, excerpt, explicit, (kind) => blockEnd(grammar, prefix, kind)), ...texts };
}

/** Shapes where no parser knows the language. */
export function shapeByIndentation(excerpt: Excerpt, explicit: boolean): Shape {
  const linePrefix = linePrefixOf(excerpt);
  return shape(wantedByIndentation(excerpt.prefix, excerpt.suffix), excerpt, explicit, () =>
    blockEndByIndentation(linePrefix),
  );
}

function shape(
  wanted: Wanted | undefined,
  excerpt: Excerpt,
  explicit: boolean,
  blockEndOf: (wanted: Wanted) => BlockEnd,
): Shape {
  if (wanted) return { block: true, reason: REASONS[wanted], blockEnd: blockEndOf(wanted) };
  const isLineEnd = /^[ \t]*(\n|$)/.test(excerpt.suffix);
  const isFinished = FINISHED.test(linePrefixOf(excerpt));
  if (!isLineEnd || (!explicit && !isFinished)) return line(excerpt);
  const reason = explicit ? 'asked for by hand' : 'the line is finished';
  return { block: true, reason, blockEnd: blockEndOf('statement') };
}

function line(excerpt: Excerpt): Shape {
  return { block: false, reason: 'the rest of a line', blockEnd: blockEndByIndentation(linePrefixOf(excerpt)) };
}

function linePrefixOf({ prefix }: Excerpt): string {
  return prefix.slice(prefix.lastIndexOf('\n') + 1);
}

/** Whole lines before the cursor, from a place on that stays while the cursor moves on. */
function prefixWindow({ prefix, prefixStart }: Excerpt): string {
  const steps = Math.floor((prefixStart + prefix.length - PREFIX_CHARS) / PREFIX_STEP_CHARS);
  const start = Math.max(0, steps * PREFIX_STEP_CHARS - prefixStart);
  return start === 0 ? prefix : prefix.slice(prefix.indexOf('\n', start) + 1);
}

/** What a promise resolves to, or undefined where that takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      resolve(undefined);
    }, ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
