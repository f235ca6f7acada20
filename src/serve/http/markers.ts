import { FAMILIES } from '../../models/fim';
import type { Extra } from '../wanted';
import { fileName } from './fields';

/** A prompt with its parts apart. */
export interface SplitPrompt {
  readonly prefix: string;
  readonly suffix: string;
  /** The file that is completed; undefined if the prompt does not name it. */
  readonly path: string | undefined;
  /** Other files in the prompt. */
  readonly extra: readonly Extra[];
}

/** Marks of a family in a text, as clients write them. */
interface Marks {
  readonly prefix: string;
  readonly suffix: string;
  readonly middle: string | undefined;
}

/** The tokens of SentencePiece have a blank in them, which texts may leave out. */
const MARKS: readonly Marks[] = FAMILIES.map(({ prefix, suffix, middle }) => ({
  prefix: prefix.replace(/^▁/, ''),
  suffix: suffix.replace(/^▁/, ''),
  middle: middle?.replace(/^▁/, ''),
}));

/** `<|file_sep|>path`, newline, text; of some families without `|`. The repository's name comes before all files. */
const FILE = /<\|file_sep(?:arator)?\|>|<file_sep>|<filename>/;
const BEGINNING = /^(?:<s>|<｜begin▁of▁sentence｜>|<\|begin_of_text\|>|<\[begin▁of▁sentence\]>)/;

/**
 * Take a prompt apart that has the markers of some family of models in it, whatever model the client believes to ask.
 * @returns undefined if it has none
 */
export function splitPrompt(prompt: string): SplitPrompt | undefined {
  for (const marks of MARKS) {
    const split = splitBy(marks, prompt.replace(BEGINNING, ''));
    if (split) return split;
  }
  return undefined;
}

function splitBy({ prefix, suffix, middle }: Marks, prompt: string): SplitPrompt | undefined {
  const prefixAt = prompt.indexOf(prefix);
  const suffixAt = prompt.indexOf(suffix);
  if (prefixAt < 0 || suffixAt < 0) return undefined;
  const middleAt = middle === undefined ? -1 : prompt.lastIndexOf(middle);
  const end = middleAt > Math.max(prefixAt, suffixAt) ? middleAt : prompt.length;
  // What follows the mark of the middle is the beginning of the answer.
  const begun = end < prompt.length && middle !== undefined ? prompt.slice(end + middle.length) : '';
  const [first, second] = [Math.min(prefixAt, suffixAt), Math.max(prefixAt, suffixAt)];
  const { head, files } = filesIn(prompt.slice(0, first));
  const isPrefixFirst = prefixAt < suffixAt;
  const [one, two] = isPrefixFirst ? [prefix, suffix] : [suffix, prefix];
  const firstPart = prompt.slice(first + one.length, second);
  const secondPart = prompt.slice(second + two.length, end);
  const parts = isPrefixFirst ? [firstPart, secondPart] : [secondPart, firstPart];
  const own = files.at(-1)?.text.trim() === '' ? files.at(-1) : undefined;
  const joined = withoutOwnName(parts[0] ?? '');
  return {
    prefix: `${head}${joined.text}${begun}`,
    suffix: parts[1] ?? '',
    path: joined.path ?? own?.path,
    extra: [...files.filter((file) => file !== own), ...joined.extra],
  };
}

/** Files before the first mark. Text before all of them belongs to the prefix, unless it names the repository. */
function filesIn(text: string): { readonly head: string; readonly files: readonly Extra[] } {
  const [before = '', ...files] = text.split(FILE);
  const head = before.replace(/<\|?repo_?name\|?>[^\n]*\n?/, '');
  return { head, files: files.map(fileOf) };
}

/** The text before the cursor may itself begin with names of files, the last of which is its own. */
function withoutOwnName(text: string): {
  readonly text: string;
  readonly path?: string;
  readonly extra: readonly Extra[];
} {
  const [before = '', ...files] = text.split(FILE);
  const own = files.at(-1);
  if (own === undefined || before.replace(/<\|?repo_?name\|?>[^\n]*\n?/, '').trim() !== '') return { text, extra: [] };
  return { ...fileOf(own), extra: files.slice(0, -1).map(fileOf) };
}

function fileOf(part: string): Extra {
  const lineEnd = part.indexOf('\n');
  return lineEnd < 0
    ? { path: fileName(part.trim()), text: '' }
    : { path: fileName(part.slice(0, lineEnd).trim()), text: part.slice(lineEnd + 1) };
}
