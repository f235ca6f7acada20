import type { Checkpoint } from '../../matlm/checkpoint';
import type { PromptFormat } from '../../matlm/promptFormat';
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
  /** Where the text before the cursor ends in `tokens`. A key appends there, and what follows is read again after it. */
  readonly textEnd: number;
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
  /** The most tokens of the text after the cursor, if less is read in time. */
  readonly suffixTokens?: number;
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

/** How a model is written to: its vocabulary and the form of its prompt. */
export type Dialect = Pick<Checkpoint, 'tokenizer' | 'prompt'>;

/**
 * The prompt for a completion. Our own models have the path, the suffix and the prefix, in this order (SPM). So typing only
 * appends to it, and a key costs its own tokens. In the order PSM each key also costs the suffix, and a model that cannot
 * fill in gets the prefix alone. Snippets of other files come first in the prefix, because no checkpoint was trained on
 * prompts with two files.
 * @param maxTokens room for the prompt; if it is short, snippets are left out first, then the head of the prefix
 * @param giveBack returns the healing prefix of the text before the cursor
 */
export function buildPrompt(
  dialect: Dialect,
  excerpt: Excerpt,
  maxTokens: number,
  giveBack: (prefix: string) => string = (prefix) => healingPrefix(dialect.tokenizer, prefix),
  budget = BUDGET,
): Prompt {
  const back = giveBack(excerpt.prefix);
  const prefix = excerpt.prefix.slice(0, excerpt.prefix.length - back.length);
  return { ...laidOut(dialect, { ...excerpt, prefix }, maxTokens, budget), healingPrefix: back };
}

/** A prompt's parts as tokens. */
interface Parts {
  readonly path: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

type Layout = Pick<Prompt, 'tokens' | 'textEnd'>;

function laidOut(dialect: Dialect, excerpt: Excerpt, maxTokens: number, budget: PromptBudget): Layout {
  for (const layout of layoutsByLength(dialect, excerpt, maxTokens, budget)) {
    if (layout.tokens.length <= maxTokens) return layout;
  }
  return layOut(dialect.prompt, { path: [], before: [], after: [] });
}

/** Puts the parts in the order of a format, with its tokens between them. */
function layOut({ order, hasHeader, tokens, stop }: PromptFormat, { path, before, after }: Parts): Layout {
  const mark = (name: keyof typeof tokens) => [tokens[name] ?? []].flat();
  const head = [...mark('begin'), ...(hasHeader ? [...mark('file'), ...path] : [])];
  const prefix = [...mark('prefix'), ...before];
  const suffix = [...mark('suffix'), ...after];
  const middle = mark('middle');
  switch (order) {
    case 'spm':
      return endingWith([...head, ...suffix, ...prefix], middle);
    case 'joined':
      return endingWith([...head, ...mark('prefix'), ...suffix, ...middle, ...before], []);
    case 'psm':
      return endingWith([...head, ...prefix], [...suffix, ...middle]);
    case 'none':
      // An engine needs a token, and after the end of a text another begins.
      return endingWith(head.length + before.length > 0 ? [...head, ...before] : [stop[0] ?? 0], []);
  }
}

function endingWith(text: readonly number[], rest: readonly number[]): Layout {
  return { tokens: [...text, ...rest], textEnd: text.length };
}

/** The full prompt, then ever shorter ones. Most of those that cannot fit are skipped. */
function* layoutsByLength(
  { tokenizer, prompt: format }: Dialect,
  excerpt: Excerpt,
  maxTokens: number,
  budget: PromptBudget,
): Generator<Layout> {
  const encode = (text: string) => tokenizer.encode(text);
  const path = format.hasHeader ? encode(`${excerpt.path}\n`) : [];
  const after = format.order === 'none' ? [] : suffixTokens(encode, withoutClosers(excerpt.suffix), budget);
  const around = (before: readonly number[]) => layOut(format, { path, before, after });
  const [widest = 0, ...narrower] = prefixWindows(excerpt, budget);
  const snippets = withinChars(excerpt.snippets ?? [], budget.snippetChars).reverse(); // the best is nearest to the prefix
  const imports = encode(importsBefore(excerpt, widest, budget));
  const quoted = snippets.flatMap(({ text }) => encode(`${text}\n`));
  const prefix = encode(prefixFrom(excerpt, widest, budget));
  if (quoted.length > 0) yield around([...quoted, ...imports, ...prefix]);
  yield around([...imports, ...prefix]);
  const room = maxTokens - around([]).tokens.length - imports.length;
  const chars = room > 0 ? tokenizer.decode(prefix.slice(-room)).length : 0;
  for (const start of windowsWithin(narrower, excerpt.prefixStart + excerpt.prefix.length - chars)) {
    yield around([...imports, ...encode(prefixFrom(excerpt, start, budget))]);
  }
  yield around([]);
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

/** The text after the cursor in whole lines, if any fits in the budget. */
function suffixTokens(encode: (text: string) => number[], suffix: string, budget: PromptBudget): number[] {
  const { suffixTokens: most = Infinity } = budget;
  let text = suffixWindow(suffix, budget);
  let tokens = encode(text);
  while (tokens.length > most) {
    const lineEnd = text.lastIndexOf('\n', Math.floor((text.length * most) / tokens.length) - 1);
    if (lineEnd < 0) return tokens.slice(0, most);
    text = text.slice(0, lineEnd + 1);
    tokens = encode(text);
  }
  return tokens;
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
