import type { Tokenizer } from '../matlm/tokenizer';
import { givenBack } from './heal';

/** What stands around a cursor: an excerpt of a document, line ends as \n. */
export interface Excerpt {
  /** Path from the project's root, with forward slashes: the head of the prompt. */
  readonly path: string;
  /** Text before the cursor, from some place in the document on. */
  readonly prefix: string;
  /** Offset in the document at which `prefix` begins. */
  readonly prefixStart: number;
  /** Text after the cursor, up to some place in the document. */
  readonly suffix: string;
}

/** What the model reads, and what it has to write first. */
export interface Prompt {
  readonly tokens: readonly number[];
  /** The end of the text before the cursor, which the tokens leave out: the model writes it again. */
  readonly givenBack: string;
}

/** Characters of prefix in a prompt: at least these, where the document has them ... */
const PREFIX_CHARS = 1200;
/** ... and up to these many more: the window's head moves by so much at once, so that a key only appends. */
const PREFIX_STEP_CHARS = 1000;
/** Where a window has too many tokens, text dense with digits or in Chinese, its head moves on in smaller steps. */
const SHORTER_BY_CHARS = 250;
const SUFFIX_CHARS = 500;

/** Characters that an excerpt needs to hold for the prompt to be what the whole document would give. */
export const EXCERPT_PREFIX_CHARS = PREFIX_CHARS + 2 * PREFIX_STEP_CHARS;
export const EXCERPT_SUFFIX_CHARS = SUFFIX_CHARS + 500;

/**
 * The prompt for a fill-in-the-middle completion: path, suffix, prefix, in this order (SPM), so that typing only
 * appends and a key costs its own tokens.
 * @param maxTokens room for the prompt; where it is short, text at the head of the prefix is left out
 * @param giveBack how much of the text before the cursor the model writes again
 */
export function buildPrompt(
  tokenizer: Tokenizer,
  excerpt: Excerpt,
  maxTokens: number,
  giveBack: (prefix: string) => string = (prefix) => givenBack(tokenizer, prefix),
): Prompt {
  const back = giveBack(excerpt.prefix);
  const prefix = excerpt.prefix.slice(0, excerpt.prefix.length - back.length);
  return { tokens: promptTokens(tokenizer, { ...excerpt, prefix }, maxTokens), givenBack: back };
}

function promptTokens(tokenizer: Tokenizer, excerpt: Excerpt, maxTokens: number): number[] {
  const { special } = tokenizer;
  const head = [
    special.fileSeparator,
    ...tokenizer.encode(`${excerpt.path}\n`),
    special.fimSuffix,
    ...tokenizer.encode(suffixWindow(excerpt.suffix)),
    special.fimPrefix,
  ];
  for (
    let start = windowStart(excerpt);
    start < excerpt.prefixStart + excerpt.prefix.length;
    start += SHORTER_BY_CHARS
  ) {
    const prompt = [...head, ...tokenizer.encode(prefixFrom(excerpt, start)), special.fimMiddle];
    if (prompt.length <= maxTokens) return prompt;
  }
  const bare = [...head, special.fimMiddle];
  return bare.length <= maxTokens
    ? bare
    : [special.fileSeparator, special.fimSuffix, special.fimPrefix, special.fimMiddle];
}

/** Offset in the document at which the window begins: it stays where it is while PREFIX_STEP_CHARS are typed. */
function windowStart({ prefix, prefixStart }: Excerpt): number {
  const cursor = prefixStart + prefix.length;
  return Math.max(0, Math.floor((cursor - PREFIX_CHARS) / PREFIX_STEP_CHARS) * PREFIX_STEP_CHARS);
}

/** The text before the cursor from the first line that begins at or after an offset in the document. */
function prefixFrom({ prefix, prefixStart }: Excerpt, start: number): string {
  return start <= prefixStart ? prefix : fromNextLine(prefix, start - prefixStart);
}

function suffixWindow(suffix: string): string {
  if (suffix.length <= SUFFIX_CHARS) return suffix;
  const lineEnd = suffix.lastIndexOf('\n', SUFFIX_CHARS);
  return suffix.slice(0, lineEnd > 0 ? lineEnd + 1 : SUFFIX_CHARS);
}

/** The text from the first line start at or after `offset`; from `offset` itself where the line is very long. */
function fromNextLine(text: string, offset: number): string {
  const lineEnd = text.indexOf('\n', offset - 1);
  return text.slice(lineEnd >= 0 && lineEnd - offset < PREFIX_CHARS / 2 ? lineEnd + 1 : offset);
}
