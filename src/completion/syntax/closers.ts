import { type Lexicon, lexiconOf, VOID_ELEMENTS } from './lexicon';

/** What an editor writes behind the cursor by itself when `open` is typed. */
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
/** What surrounds words in a language of prose, one by one: a pattern of several would backtrack. */
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

/** Patterns of all marks that close something in a language, the longest first. */
function marksOf(languageId: string, lexicon: Lexicon): string[] {
  // Those of Lua are brackets, and told one by one.
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

/** The marks that close something at the head of a text on one line, in order, and how long that head is. */
export interface Closing {
  readonly marks: readonly string[];
  readonly length: number;
}

/** What closes at the head of a line's rest, blanks between the marks included. Separators end it. */
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

/** Nothing follows on the line but what closes and what separates: a completion may come before it. */
export function isClosing(rest: string, languageId: string): boolean {
  // The common case needs no table.
  if (rest.trim() === '') return true;
  const marks = marksOf(languageId, lexiconOf(languageId)).join('|');
  return new RegExp(`^(?:\\s|${SEPARATORS}|${marks})*$`).test(rest);
}

/** Brackets, quotes and separators alone: what stands around a block or behind it. */
export function isBracketEnd(rest: string): boolean {
  return /^[\s)\]}>'"`;,]*$/.test(rest);
}

/** A line of closing marks without a word or a bracket in it: the end of a comment, of a fence, of a long string. */
export function isClosingLine(line: string, languageId: string): boolean {
  const text = line.trim();
  if (text === '') return false;
  if (/^(`{3,}|~{3,}|"""|''')$/.test(text)) return true;
  if (text === '---') return languageId === 'markdown' || languageId === 'mdx' || languageId === 'yaml';
  return lexiconOf(languageId).blockComments.some(([, close]) => text === close || text === `*${close}`);
}

/**
 * What an editor may have closed at the head of a text by itself: brackets, quotes, the end of a comment, a tag, a
 * template. Empty where nothing is.
 */
export function closedByEditor(text: string, languageId: string): string {
  const lineEnd = text.indexOf('\n');
  const rest = lineEnd < 0 ? text : text.slice(0, lineEnd);
  return rest.slice(0, closingHead(rest, languageId).length);
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
 * What an editor writes behind a key by itself.
 * @param line what stands before the key on its line
 */
export function closerOf(key: string, line: string, languageId: string): string | undefined {
  const tag = key === '>' && hasTags(languageId, lexiconOf(languageId)) ? tagEndedBy(line) : undefined;
  if (tag !== undefined) return `</${tag}>`;
  const pair = pairsOf(languageId).find(({ open }) => open.endsWith(key) && (line + key).endsWith(open));
  const isApostrophe = QUOTES.includes(key) && /[\w$'"`]$/.test(line);
  return isApostrophe ? undefined : pair?.close;
}

/** The name of the element that a `>` would open. */
function tagEndedBy(line: string): string | undefined {
  const name = /(?<![\w$])<([A-Za-z][\w:.-]*)(?:\s[^<>]*)?$/.exec(line)?.[1];
  if (name === undefined || /[/=]$/.test(line) || VOID_ELEMENTS.has(name.toLowerCase())) return undefined;
  return name;
}

/** The key that was struck where an editor wrote a pair at once, as `()`; else the text as it is. */
export function keyOfPair(inserted: string, languageId: string): string {
  const pair = pairsOf(languageId).find(({ open, close }) => inserted === open + close);
  return pair ? pair.open : inserted;
}
