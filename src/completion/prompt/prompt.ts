import type { Tokenizer } from '../../matlm/tokenizer';
import { withoutClosers } from './closers';
import { importsOf } from './imports';
import type { Snippet } from './snippets';
import { healingPrefix } from './heal';

/** An excerpt of a document around a cursor, line ends as \n. */
export interface Excerpt {
  /** Path from the project's root, with forward slashes. */
  readonly path: string;
  /** Text before the cursor, from some place in the document on. */
  readonly prefix: string;
  /** Offset in the document at which `prefix` begins. */
  readonly prefixStart: number;
  /** Text after the cursor, up to some place in the document. */
  readonly suffix: string;
  /** The head of the document with its imports, if `prefix` begins later. */
  readonly head?: string;
  /** Snippets of other files, the best first. */
  readonly snippets?: readonly Snippet[];
}

/** The input of the model, and the text that its output has to begin with. */
export interface Prompt {
  readonly tokens: readonly number[];
  /** The end of the text before the cursor, which the tokens leave out and the model writes again. */
  readonly healingPrefix: string;
}

/** The parts of a prompt, in characters. docs/results/prompt.md shows the measured worth of each part. */
export interface PromptBudget {
  /** The least length of the text before the cursor, if the document is as long. */
  readonly prefixChars: number;
  /** The step by which the window's head moves, so that a key only appends to the prompt. */
  readonly prefixStepChars: number;
  readonly suffixChars: number;
  /** The document's imports, if the window begins after them. */
  readonly importChars: number;
  /** All snippets of other files. */
  readonly snippetChars: number;
}

export const BUDGET: PromptBudget = {
  prefixChars: 1200,
  prefixStepChars: 1000,
  suffixChars: 500,
  importChars: 600,
  snippetChars: 900,
};

/** Tokens of the model's context that a prompt leaves for the completion. */
export const ROOM_TO_WRITE = 100;

/** If a window has too many tokens, as in Chinese text or tables of numbers, its head moves in these smaller steps. */
const SHORTER_BY_CHARS = 250;

/** Least lengths of an excerpt for which the prompt is the same as for the whole document. */
export const EXCERPT_PREFIX_CHARS = BUDGET.prefixChars + 2 * BUDGET.prefixStepChars;
export const EXCERPT_SUFFIX_CHARS = BUDGET.suffixChars + 500;
/** Length of the document's head in which imports are searched for. */
export const EXCERPT_HEAD_CHARS = 4000;

/**
 * The prompt for a fill-in-the-middle completion: path, suffix, prefix, in this order (SPM). So typing only appends to it,
 * and a key costs its own tokens. Snippets of other files come first in the prefix, because no checkpoint was trained on
 * prompts with two files.
 * @param maxTokens room for the prompt; if it is short, snippets are left out first, then the head of the prefix
 * @param giveBack returns the healing prefix of the text before the cursor
 */
export function buildPrompt(
  tokenizer: Tokenizer,
  excerpt: Excerpt,
  maxTokens: number,
  giveBack: (prefix: string) => string = (prefix) => healingPrefix(tokenizer, prefix),
  budget = BUDGET,
): Prompt {
  const back = giveBack(excerpt.prefix);
  const prefix = excerpt.prefix.slice(0, excerpt.prefix.length - back.length);
  return { tokens: promptTokens(tokenizer, { ...excerpt, prefix }, maxTokens, budget), healingPrefix: back };
}

function promptTokens(tokenizer: Tokenizer, excerpt: Excerpt, maxTokens: number, budget: PromptBudget): number[] {
  for (const prompt of promptsByLength(tokenizer, excerpt, maxTokens, budget)) {
    if (prompt.length <= maxTokens) return prompt;
  }
  const { fileSeparator, fimSuffix, fimPrefix, fimMiddle } = tokenizer.special;
  return [fileSeparator, fimSuffix, fimPrefix, fimMiddle];
}

/** The full prompt, then ever shorter ones. Most of those that cannot fit are skipped. */
function* promptsByLength(
  tokenizer: Tokenizer,
  excerpt: Excerpt,
  maxTokens: number,
  budget: PromptBudget,
): Generator<number[]> {
  const { fileSeparator, fimSuffix, fimPrefix, fimMiddle } = tokenizer.special;
  const encode = (text: string) => tokenizer.encode(text);
  const suffix = encode(suffixWindow(withoutClosers(excerpt.suffix), budget));
  const head = [fileSeparator, ...encode(`${excerpt.path}\n`), fimSuffix, ...suffix, fimPrefix];
  const [widest = 0, ...narrower] = prefixWindows(excerpt, budget);
  const snippets = withinChars(excerpt.snippets ?? [], budget.snippetChars).reverse(); // the best is nearest to the prefix
  const imports = encode(importsBefore(excerpt, widest, budget));
  const quoted = snippets.flatMap(({ text }) => encode(`${text}\n`));
  const prefix = encode(prefixFrom(excerpt, widest, budget));
  if (quoted.length > 0) yield [...head, ...quoted, ...imports, ...prefix, fimMiddle];
  yield [...head, ...imports, ...prefix, fimMiddle];
  const room = maxTokens - head.length - imports.length - 1;
  const chars = room > 0 ? tokenizer.decode(prefix.slice(-room)).length : 0;
  for (const start of windowsWithin(narrower, excerpt.prefixStart + excerpt.prefix.length - chars)) {
    yield [...head, ...imports, ...encode(prefixFrom(excerpt, start, budget)), fimMiddle];
  }
  yield [...head, fimMiddle];
}

/**
 * The windows that may fit if the text from `fits` on does, and the next wider one, because the number of tokens depends
 * on where a text begins.
 * @param starts of the windows, the widest first
 */
function windowsWithin(starts: readonly number[], fits: number): readonly number[] {
  const first = starts.findIndex((start) => start >= fits);
  return starts.slice(Math.max(0, (first < 0 ? starts.length : first) - 1));
}

/** The snippets that fit together, tried in their order. */
function withinChars(snippets: readonly Snippet[], chars: number): Snippet[] {
  let left = chars;
  return snippets.filter(({ text }) => {
    const fits = text.length <= left;
    if (fits) left -= text.length;
    return fits;
  });
}

/** Offset in the document at which the widest window begins. It stays the same while `prefixStepChars` are typed. */
export function windowStart(
  { prefix, prefixStart }: Pick<Excerpt, 'prefix' | 'prefixStart'>,
  { prefixChars, prefixStepChars }: PromptBudget = BUDGET,
): number {
  const cursor = prefixStart + prefix.length;
  return Math.max(0, Math.floor((cursor - prefixChars) / prefixStepChars) * prefixStepChars);
}

/** Offsets in the document at which the window may begin, the widest window first. */
function prefixWindows(excerpt: Excerpt, budget: PromptBudget): number[] {
  const first = windowStart(excerpt, budget);
  const cursor = excerpt.prefixStart + excerpt.prefix.length;
  const count = Math.ceil((cursor - first) / SHORTER_BY_CHARS);
  return Array.from({ length: Math.max(1, count) }, (_, i) => first + i * SHORTER_BY_CHARS);
}

/** The text before the cursor from the first line that begins at or after an offset in the document. */
function prefixFrom({ prefix, prefixStart }: Excerpt, start: number, budget: PromptBudget): string {
  return start <= prefixStart ? prefix : fromNextLine(prefix, start - prefixStart, budget);
}

/** The document's imports above the window. The text ends with a line end. */
function importsBefore({ prefix, prefixStart, head }: Excerpt, start: number, budget: PromptBudget): string {
  if (start === 0 || budget.importChars === 0) return '';
  const above = (prefixStart === 0 ? prefix : (head ?? '')).slice(0, Math.min(start, EXCERPT_HEAD_CHARS));
  return importsOf(above, budget.importChars);
}

function suffixWindow(suffix: string, { suffixChars }: PromptBudget): string {
  if (suffix.length <= suffixChars) return suffix;
  const lineEnd = suffix.lastIndexOf('\n', suffixChars);
  return suffix.slice(0, lineEnd > 0 ? lineEnd + 1 : suffixChars);
}

/** The text from the first line start at or after `offset`, or from `offset` if the line is very long. */
function fromNextLine(text: string, offset: number, { prefixChars }: PromptBudget): string {
  const lineEnd = text.indexOf('\n', offset - 1);
  return text.slice(lineEnd >= 0 && lineEnd - offset < prefixChars / 2 ? lineEnd + 1 : offset);
}
