import type { Tokenizer } from '../matlm/tokenizer';

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

/** Characters of prefix in a prompt: at least these, where the document has them ... */
const PREFIX_CHARS = 1200;
/** ... and up to these many more: the window's head moves by so much at once, so that a key only appends. */
const PREFIX_STEP_CHARS = 1000;
const SUFFIX_CHARS = 500;

/** Characters that an excerpt needs to hold for the prompt to be what the whole document would give. */
export const EXCERPT_PREFIX_CHARS = PREFIX_CHARS + 2 * PREFIX_STEP_CHARS;
export const EXCERPT_SUFFIX_CHARS = SUFFIX_CHARS + 500;

/**
 * The prompt for a fill-in-the-middle completion: path, suffix, prefix, in this order (SPM), so that typing only
 * appends and a key costs its own tokens.
 * @param maxTokens room for the prompt; where it is short, lines at the head of the prefix are left out
 */
export function buildPrompt(tokenizer: Tokenizer, excerpt: Excerpt, maxTokens: number): number[] {
  const { special } = tokenizer;
  const head = [
    special.fileSeparator,
    ...tokenizer.encode(`${excerpt.path}\n`),
    special.fimSuffix,
    ...tokenizer.encode(suffixWindow(excerpt.suffix)),
    special.fimPrefix,
  ];
  let prefix = prefixWindow(excerpt);
  for (;;) {
    const prompt = [...head, ...tokenizer.encode(prefix), special.fimMiddle];
    if (prompt.length <= maxTokens) return prompt;
    if (prefix === '') return [special.fileSeparator, special.fimSuffix, special.fimPrefix, special.fimMiddle];
    // Dense text, long names in Chinese say: a third less until it fits.
    prefix = fromNextLine(prefix, Math.ceil(prefix.length / 3));
  }
}

/** The end of the prefix, from a line start that stays where it is while PREFIX_STEP_CHARS are typed. */
export function prefixWindow({ prefix, prefixStart }: Excerpt): string {
  const cursor = prefixStart + prefix.length;
  const start = Math.floor((cursor - PREFIX_CHARS) / PREFIX_STEP_CHARS) * PREFIX_STEP_CHARS;
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
