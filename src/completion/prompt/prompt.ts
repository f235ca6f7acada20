import type { Tokenizer } from '../../matlm/tokenizer';
import { withoutClosers } from './closers';
import { importsOf } from './imports';
import type { Snippet } from './snippets';
import { healingPrefix } from './heal';

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
  /** The head of the document, where `prefix` begins later: what it imports is kept. */
  readonly head?: string;
  /** Stretches of other files, the best first. */
  readonly snippets?: readonly Snippet[];
}

/** What the model reads, and what it has to write first. */
export interface Prompt {
  readonly tokens: readonly number[];
  /** The end of the text before the cursor, which the tokens leave out: the model writes it again. */
  readonly healingPrefix: string;
}

/** How the room of a prompt is split, in characters; docs/results/prompt.md has what each part was measured to be worth. */
export interface PromptBudget {
  /** Of the text before the cursor: at least these, where the document has them ... */
  readonly prefixChars: number;
  /** ... and up to these many more: the window's head moves by so much at once, so that a key only appends. */
  readonly prefixStepChars: number;
  readonly suffixChars: number;
  /** Of the document's imports, where the window begins after them. */
  readonly importChars: number;
  /** Of snippets of other files, together. */
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

/** Where a window has too many tokens, text dense with digits or in Chinese, its head moves on in smaller steps. */
const SHORTER_BY_CHARS = 250;

/** Characters that an excerpt needs to hold for the prompt to be what the whole document would give. */
export const EXCERPT_PREFIX_CHARS = BUDGET.prefixChars + 2 * BUDGET.prefixStepChars;
export const EXCERPT_SUFFIX_CHARS = BUDGET.suffixChars + 500;
/** Of the document's head, where imports are looked for. */
export const EXCERPT_HEAD_CHARS = 4000;

/**
 * The prompt for a fill-in-the-middle completion: path, suffix, prefix, in this order (SPM), so that typing only appends
 * and a key costs its own tokens. Snippets of other files stand as if the prefix began with them: no checkpoint was
 * trained on two files at once.
 * @param maxTokens room for the prompt; where it is short, snippets are left out first, then the head of the prefix
 * @param giveBack how much of the text before the cursor the model writes again
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

/** The prompt as it should be, then shorter and shorter ones, without most of those that cannot fit. */
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
  const snippets = withinChars(excerpt.snippets ?? [], budget.snippetChars).reverse(); // the best stands nearest
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
 * Of windows, the widest first, those that may fit if the text from `fits` on does. Tokens depend on where a text
 * begins, so the window before is tried too.
 */
function windowsWithin(starts: readonly number[], fits: number): readonly number[] {
  const first = starts.findIndex((start) => start >= fits);
  return starts.slice(Math.max(0, (first < 0 ? starts.length : first) - 1));
}

/** As many as fit together, the first first. */
function withinChars(snippets: readonly Snippet[], chars: number): Snippet[] {
  let left = chars;
  return snippets.filter(({ text }) => {
    const fits = text.length <= left;
    if (fits) left -= text.length;
    return fits;
  });
}

/** Offset in the document at which the widest window begins: it stays where it is while `prefixStepChars` are typed. */
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

/** What the document imports above the window, as text that ends with a line end. */
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

/** The text from the first line start at or after `offset`; from `offset` itself where the line is very long. */
function fromNextLine(text: string, offset: number, { prefixChars }: PromptBudget): string {
  const lineEnd = text.indexOf('\n', offset - 1);
  return text.slice(lineEnd >= 0 && lineEnd - offset < prefixChars / 2 ? lineEnd + 1 : offset);
}
