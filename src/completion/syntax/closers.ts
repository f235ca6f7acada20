import { type Lexicon, lexiconOf, VOID_ELEMENTS } from './lexicon';

/** A pair that an editor completes. When `open` is typed, it inserts `close` after the cursor. */
export interface Pair {
  readonly open: string;
  readonly close: string;
}

const BRACKETS: readonly Pair[] = [
  { open: '(', close: ')' },
  { open: '[', close: ']' },
  { open: '{', close: '}' },
];
const QUOTES = `"'\``;
const DOC_COMMENT: Pair = { open: '/**', close: ' */' };
const HTML_COMMENT: Pair = { open: '<!--', close: '-->' };

/** Languages with markup in their code or prose. */
const WITH_TAGS = new Set(['typescriptreact', 'javascriptreact', 'markdown', 'mdx', 'php', 'astro']);
const WITH_DOC_COMMENTS = new Set(
  'typescript typescriptreact javascript javascriptreact java c cpp objective-c csharp php groovy'.split(' '),
);
/** Marks around words in prose, as patterns of one character, because repetition within a pattern would backtrack. */
const EMPHASIS: ReadonlyMap<string, string> = new Map([
  ['markdown', '[*_~]'],
  ['mdx', '[*_~]'],
  ['restructuredtext', '[*]'],
  ['asciidoc', '[*_#]'],
  ['latex', String.raw`\\[)\]}]|\$`],
]);

const BRACKETS_AND_QUOTES = '[)\\]}\'"`>]';
const SEPARATORS = '[;,:]';
const TAG_ENDS = ['</[\\w:.-]*\\s*>', '/>'];
const TEMPLATE_ENDS = ['[-~+]?%\\}', '-?%>', '\\?>', '#\\}', '!!\\}'];

/** Patterns of all closing marks in a language, the longest first. */
function marksOf(languageId: string, lexicon: Lexicon): string[] {
  // Lua's comment ends consist of brackets, which are single marks.
  const comments = lexicon.blockComments.map(([, close]) => close).filter((close) => /[^)\]}]/.test(close));
  const tags = hasTags(languageId, lexicon) ? TAG_ENDS : [];
  const templates = lexicon.kind === 'markup' ? TEMPLATE_ENDS : [];
  const emphasis = EMPHASIS.get(languageId);
  return [
    ...comments.map(escaped),
    ...tags,
    ...templates,
    ...(emphasis === undefined ? [] : [emphasis]),
    BRACKETS_AND_QUOTES,
  ];
}

function hasTags(languageId: string, { kind }: Lexicon): boolean {
  return kind === 'markup' || WITH_TAGS.has(languageId);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
}

/** The closing marks at the start of a line's rest, in order, and the length of that start. */
export interface Closing {
  readonly marks: readonly string[];
  readonly length: number;
}

/** The closing marks at the start of a line's rest, with blanks between them. A separator ends them. */
export function closingHead(rest: string, languageId: string): Closing {
  const mark = new RegExp(`[ \\t]*(${marksOf(languageId, lexiconOf(languageId)).join('|')})`, 'y');
  const marks: string[] = [];
  let length = 0;
  for (let match = mark.exec(rest); match; match = mark.exec(rest)) {
    marks.push(match[1] ?? '');
    length = mark.lastIndex;
  }
  return { marks, length };
}

/** The offsets at which the marks and other characters of a line's rest end. A mark is never split. */
export function markEnds(rest: string, languageId: string): readonly number[] {
  const mark = new RegExp(`[ \\t]*(?:${marksOf(languageId, lexiconOf(languageId)).join('|')})|[^]`, 'y');
  const ends: number[] = [];
  while (mark.test(rest)) ends.push(mark.lastIndex);
  return ends;
}

/** Whether the rest of a line has only closing marks and separators, so a completion may be shown before it. */
export function isClosing(rest: string, languageId: string): boolean {
  // The common case needs no table.
  if (rest.trim() === '') return true;
  const marks = marksOf(languageId, lexiconOf(languageId)).join('|');
  return new RegExp(`^(?:\\s|${SEPARATORS}|${marks})*$`).test(rest);
}

/** Whether the rest of a line has only brackets, quotes and separators, as around a block. */
export function isBracketEnd(rest: string): boolean {
  return /^[\s)\]}>'"`;,]*$/.test(rest);
}

/** Whether a line is only the end of a comment, a fence or a long string, without words or brackets. */
export function isClosingLine(line: string, languageId: string): boolean {
  const text = line.trim();
  if (text === '') return false;
  if (/^(`{3,}|~{3,}|"""|''')$/.test(text)) return true;
  if (text === '---') return languageId === 'markdown' || languageId === 'mdx' || languageId === 'yaml';
  return lexiconOf(languageId).blockComments.some(([, close]) => text === close || text === `*${close}`);
}

/** The pairs that an editor closes in a language, the longest first. */
export function pairsOf(languageId: string): readonly Pair[] {
  const lexicon = lexiconOf(languageId);
  const quotes = lexicon.strings
    .filter(({ open }) => QUOTES.includes(open))
    .map(({ open, close }) => ({ open, close }));
  const inTags =
    lexicon.kind === 'markup' ? [HTML_COMMENT, ...[...`"'`].map((mark) => ({ open: mark, close: mark }))] : [];
  const comments = WITH_DOC_COMMENTS.has(languageId) ? [DOC_COMMENT] : [];
  return [...comments, ...inTags, ...BRACKETS, ...quotes];
}

/**
 * The mark that an editor inserts behind a key; undefined if it inserts none.
 * @param line the line before the key
 */
export function closerOf(key: string, line: string, languageId: string): string | undefined {
  const tag = key === '>' && hasTags(languageId, lexiconOf(languageId)) ? tagEndedBy(line) : undefined;
  if (tag !== undefined) return `</${tag}>`;
  const pair = pairsOf(languageId).find(({ open }) => open.endsWith(key) && (line + key).endsWith(open));
  const isApostrophe = QUOTES.includes(key) && /[\w$'"`]$/.test(line);
  return isApostrophe ? undefined : pair?.close;
}

/** The name of the element that a `>` would open; undefined if it would open none. */
function tagEndedBy(line: string): string | undefined {
  const name = /(?<![\w$])<([A-Za-z][\w:.-]*)(?:\s[^<>]*)?$/.exec(line)?.[1];
  if (name === undefined || /[/=]$/.test(line) || VOID_ELEMENTS.has(name.toLowerCase())) return undefined;
  return name;
}

/** The typed key, if an edit inserted a whole pair such as `()`; otherwise the inserted text itself. */
export function keyOfPair(inserted: string, languageId: string): string {
  const pair = pairsOf(languageId).find(({ open, close }) => inserted === open + close);
  return pair ? pair.open : inserted;
}
