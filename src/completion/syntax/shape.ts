import type { Excerpt } from '../prompt/prompt';
import { blockEnd } from './blockEnd';
import { isBracketEnd } from './closers';
import type { Grammar, Grammars } from './grammars';
import type { KnownStretch } from './reader';
import { blockEndByIndentation, wantedByIndentation } from './indentation';
import { emptyBody, headOfBody, knownText, saysWhatFollows } from './tree';
import type { BlockEnd, Wanted } from './wanted';

/** Whether the rest of a line or a block is wanted at a place. */
export interface Shape {
  readonly block: boolean;
  /** For people. */
  readonly reason: string;
  readonly blockEnd: BlockEnd;
  /** Strings and comments before the cursor according to a syntax tree. */
  readonly known?: readonly KnownStretch[];
  /** The cursor is in a string or a comment. */
  readonly isText?: boolean;
}

/** Decides between the rest of a line and a block. */
export interface Syntax {
  /** @param explicit the user asked by hand, so a block is wanted at the end of any line */
  shapeAt(languageId: string, excerpt: Excerpt, explicit: boolean): Promise<Shape>;
}

/** Number of characters before and after the cursor that are parsed. */
const PREFIX_CHARS = 1500;
const SUFFIX_CHARS = 500;
/** The step by which the window's head moves, so that the parser can reuse its last tree. */
const PREFIX_STEP_CHARS = 500;
/** How long a request waits for a grammar that is being loaded. */
const GRAMMAR_WAIT_MS = 5;
/** A complete line, so that new text belongs on the next one. */
const FINISHED = /[;}]\s*$/;

const REASONS: Readonly<Record<Wanted, string>> = {
  body: 'the block is empty',
  head: 'the body is missing',
  statement: 'a comment describes the next statement',
};

/** Shapes by the languages' grammars, or by indentation if there is none. */
export class SyntaxByGrammar implements Syntax {
  constructor(private readonly grammars: Grammars) {}

  async shapeAt(languageId: string, excerpt: Excerpt, explicit: boolean): Promise<Shape> {
    const lineEnd = excerpt.suffix.split('\n', 1)[0] ?? '';
    // A block is possible only at the end of the line or before closing brackets.
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

/** Shapes in a language without a grammar. */
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
  const reason = explicit ? 'asked for by hand' : 'the line is complete';
  return { block: true, reason, blockEnd: blockEndOf('statement') };
}

function line(excerpt: Excerpt): Shape {
  return { block: false, reason: 'the rest of a line', blockEnd: blockEndByIndentation(linePrefixOf(excerpt)) };
}

function linePrefixOf({ prefix }: Excerpt): string {
  return prefix.slice(prefix.lastIndexOf('\n') + 1);
}

/** Whole lines before the cursor, from an offset that stays the same over many keys. */
function prefixWindow({ prefix, prefixStart }: Excerpt): string {
  const steps = Math.floor((prefixStart + prefix.length - PREFIX_CHARS) / PREFIX_STEP_CHARS);
  const start = Math.max(0, steps * PREFIX_STEP_CHARS - prefixStart);
  return start === 0 ? prefix : prefix.slice(prefix.indexOf('\n', start) + 1);
}

/** The value of a promise, or undefined if it takes longer. */
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
