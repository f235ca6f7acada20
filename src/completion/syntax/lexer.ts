import { type Lexicon, lexiconOf, type StringRule, TEMPLATE_MARKS, VOID_ELEMENTS } from './lexicon';

/** How text is read within something that is open. */
type Mode =
  | { readonly reads: 'code'; readonly lexicon: Lexicon }
  | { readonly reads: 'string'; readonly rule: StringRule }
  | { readonly reads: 'comment'; readonly opener: string }
  /** Between `<` and `>`. @param element what it opens, empty for a closing tag */
  | { readonly reads: 'tag'; readonly element: string }
  | { readonly reads: 'markup' }
  /** Up to a line that closes it: a fence, a text in a shell script. */
  | { readonly reads: 'lines' };

/** Something that is open: a bracket, a string, a comment, an element, and how text is read in it. */
export interface Open {
  readonly opener: string;
  readonly closer: string;
  /** Where it was opened, in the text in which that happened. */
  readonly offset: number;
  readonly mode: Mode;
}

/** A mark that closes something which was open before the text. */
export interface Closer {
  readonly text: string;
  readonly offset: number;
  /** Of what it closes, in what was open before the text; undefined where it closes nothing that is open. */
  readonly depth: number | undefined;
}

/** A text as its language reads it. */
export interface Scan {
  /** What is open at its end, outermost first. */
  readonly open: readonly Open[];
  /** What was opened in it and is open at its end. */
  readonly opened: readonly Open[];
  /** What it closes that was open before it, or was not open at all, in order. */
  readonly closers: readonly Closer[];
  /** The text with comments blanked, and what stands in strings; as long as the text. */
  readonly code: string;
}

/** A stretch whose kind is known from a syntax tree. */
export interface KnownStretch {
  readonly start: number;
  readonly end: number;
}

export interface ScanOptions {
  /** What is open where the text begins. */
  readonly open?: readonly Open[];
  /** The line before the text; empty where the text begins a line. */
  readonly before?: string;
  /** The text begins its document. */
  readonly isStart?: boolean;
  /** Strings, comments and the like, in order, that are read as such whatever is in them. */
  readonly known?: readonly KnownStretch[];
  /** Offset from which on it is told what the text opens and closes; what comes before is read for its marks alone. */
  readonly from?: number;
}

/** Read a text as a language does. Takes time in proportion to its length. */
export function scan(text: string, lexicon: Lexicon, options: ScanOptions = {}): Scan {
  return new Lexer(text, lexicon, options).read();
}

/** What is open at the end reads as text, and not as code. */
export function isWithinText(open: readonly Open[], lexicon: Lexicon): boolean {
  const mode = open.at(-1)?.mode;
  return mode ? mode.reads !== 'code' && mode.reads !== 'tag' : lexicon.kind !== 'code';
}

const CLOSERS: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const WORD = /[\w\u00aa-\uffff]/;
const CHARACTER = /'(?:\\(?:u\{[^}\n]*\}|[^\n])[^'\n]{0,8}|[^'\\\n]|[\ud800-\udbff][\udc00-\udfff])'/y;
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y;
const BEFORE_REGEX = /(?:^|[(,=:[!&|?;{+\-*%~^>])\s*$|\b(?:return|typeof|case|in|of|do|else)\s+$/;
const HERE_DOCUMENT = /<<-?\s*\\?(["']?)([A-Za-z_]\w*)\1/y;
const TAG = /<(\/?)([A-Za-z!][\w:.-]*)/y;
const FENCE = /^[ \t]*(?:[-*+>]\s+|\d+[.)]\s+)*(`{3,}|~{3,})/;
const CASE_PATTERN = /^\s*\(?[^\s()]+(?:\s*\|\s*[^\s()]+)*$/;
const EMBEDDED: Readonly<Record<string, string>> = { script: 'javascript', style: 'css' };
const EMBEDDED_END = /^<\/(script|style)>/i;
/** Of the code before a slash or a quote, so much tells what it is. */
const LOOK_BACK_CHARS = 40;
/** Of a line, so much before a bracket is looked at. */
const MAX_LINE_CHARS = 200;

class Lexer {
  private at = 0;
  private readonly stack: Open[];
  private readonly closers: Closer[] = [];
  private readonly out: string[] = [];
  private lineStart = 0;
  private nextKnown = 0;
  /** Words that end the texts which begin on the next line. */
  private hereDocuments: string[] = [];
  /** How much of the stack was there before the text. */
  private floor: number;

  constructor(
    private readonly text: string,
    private readonly lexicon: Lexicon,
    private readonly options: ScanOptions,
  ) {
    this.stack = [...(options.open ?? [])];
    this.floor = this.stack.length;
  }

  read(): Scan {
    if (!this.options.before) this.beginLine();
    const { from = 0 } = this.options;
    while (this.at < this.text.length) {
      if (this.at <= from) this.tellFromHere();
      this.step();
    }
    if (this.at <= from) this.tellFromHere();
    return {
      open: this.stack,
      opened: this.stack.slice(this.floor),
      closers: this.closers.map((closer) => ({ ...closer, offset: Math.max(0, closer.offset - from) })),
      code: this.out.join('').slice(from),
    };
  }

  private tellFromHere(): void {
    this.floor = this.stack.length;
    this.closers.length = 0;
  }

  private step(): void {
    if (this.atKnownStretch()) return;
    if (this.text[this.at] === '\n') {
      this.endLine();
      return;
    }
    const mode = this.mode();
    switch (mode.reads) {
      case 'code':
        this.inCode(mode.lexicon);
        break;
      case 'string':
        this.inString(mode.rule);
        break;
      case 'comment':
        this.inComment(mode.opener);
        break;
      case 'tag':
        this.inTag(mode.element);
        break;
      case 'markup':
        this.inMarkup();
        break;
      case 'lines':
        this.blank(1);
        break;
    }
  }

  private mode(): Mode {
    const mode = this.stack.at(-1)?.mode;
    if (mode) return mode;
    return this.lexicon.kind === 'code' ? { reads: 'code', lexicon: this.lexicon } : { reads: 'markup' };
  }

  private atKnownStretch(): boolean {
    const { known = [] } = this.options;
    while ((known[this.nextKnown]?.start ?? Infinity) < this.at) this.nextKnown++;
    const stretch = known[this.nextKnown];
    if (stretch?.start !== this.at || stretch.end > this.text.length) return false;
    const isQuoted = /["'`]/.test(this.text.charAt(this.at)) && stretch.end - this.at > 1;
    if (isQuoted) this.keep(1);
    this.blank(stretch.end - this.at - Number(isQuoted));
    if (isQuoted) this.out[this.out.length - 1] = this.text.charAt(this.at - 1);
    return true;
  }

  private inCode(lexicon: Lexicon): void {
    const { text, at } = this;
    const character = text.charAt(at);
    if (this.closesTop()) return;
    const end = character === '<' ? EMBEDDED_END.exec(text.slice(at, at + 10))?.[1] : undefined;
    if (end !== undefined && this.lexicon.kind === 'markup') {
      this.closeElement(end);
      this.keep(end.length + 3);
      return;
    }
    if (this.opensComment(lexicon) || this.opensString(lexicon)) return;
    if (lexicon.brackets.includes(character)) this.bracket(character, lexicon);
    else if (lexicon.hereDocuments && character === '<' && this.matches(HERE_DOCUMENT)) this.hereDocument();
    else if (lexicon.regex && character === '/' && BEFORE_REGEX.test(this.codeBefore()) && this.matches(REGEX))
      this.blank(REGEX.lastIndex - at);
    else this.keep(1);
  }

  private bracket(character: string, lexicon: Lexicon): void {
    const closer = CLOSERS[character];
    if (closer !== undefined) {
      this.push(character, closer, { reads: 'code', lexicon });
      this.keep(1);
      return;
    }
    // A bracket that closes the top was taken already: this one closes nothing.
    const isPattern = lexicon.casePatterns && character === ')' && CASE_PATTERN.test(this.lineBefore());
    if (!isPattern) this.closers.push({ text: character, offset: this.at, depth: undefined });
    this.keep(1);
  }

  private opensComment(lexicon: Lexicon): boolean {
    const { text, at } = this;
    const block = lexicon.blockComments.find(([open]) => text.startsWith(open, at));
    if (block) {
      this.open(block[0], block[1], { reads: 'comment', opener: block[0] });
      return true;
    }
    const line = lexicon.lineComments.find((mark) => text.startsWith(mark, at));
    if (line === undefined) return false;
    const before = this.characterBefore();
    // The address of a page is no comment, nor is an attribute.
    if (line === '//' && before === ':') return false;
    if (line === '#' && text.charAt(at + 1) === '[') return false;
    if (lexicon.commentBeginsWord && line === '#' && before !== '' && !/[\s;()&|]/.test(before)) return false;
    this.open(line, '\n', { reads: 'comment', opener: line });
    return true;
  }

  private opensString(lexicon: Lexicon): boolean {
    const { text, at } = this;
    if (lexicon.rawString && this.opensRawString(lexicon.rawString)) return true;
    const character = text.charAt(at);
    if (character === "'" && lexicon.apostrophe !== 'string') return this.apostrophe(lexicon);
    const rule = lexicon.strings.find(({ open }) => text.startsWith(open, at));
    if (!rule || !this.mayBegin(lexicon)) return false;
    this.open(rule.open, rule.close, { reads: 'string', rule });
    return true;
  }

  private opensRawString({ open, close }: NonNullable<Lexicon['rawString']>): boolean {
    if (WORD.test(this.characterBefore())) return false;
    open.lastIndex = this.at;
    const match = open.exec(this.text);
    if (!match) return false;
    const closer = close(match[1] ?? '');
    const rule: StringRule = { open: match[0], close: closer, escape: 'none', multiline: true };
    this.open(match[0], closer, { reads: 'string', rule });
    return true;
  }

  /** A quote in a word belongs to it: `don't`, `1'000`. */
  private mayBegin({ stringPrefix, quoteBeginsValue }: Lexicon): boolean {
    const before = this.characterBefore();
    if (quoteBeginsValue) return /^$|[\s[{,:(]/.test(before);
    if (!WORD.test(before)) return true;
    return stringPrefix?.test(this.lineBefore()) === true;
  }

  private apostrophe(lexicon: Lexicon): boolean {
    const { at } = this;
    if (lexicon.apostrophe === 'none' || !this.mayBegin(lexicon)) return false;
    if (this.matches(CHARACTER)) {
      this.blank(CHARACTER.lastIndex - at);
      return true;
    }
    const rule = lexicon.strings.find(({ open }) => open === "'");
    // Without a rule for strings in single quotes it is a lifetime or a label.
    if (!rule) return false;
    this.open("'", "'", { reads: 'string', rule });
    return true;
  }

  private hereDocument(): void {
    const length = HERE_DOCUMENT.lastIndex - this.at;
    HERE_DOCUMENT.lastIndex = this.at;
    const word = HERE_DOCUMENT.exec(this.text)?.[2];
    if (word !== undefined) this.hereDocuments.push(word);
    this.keep(length);
  }

  private inString(rule: StringRule): void {
    const { text, at } = this;
    if (rule.escape === 'backslash' && text.charAt(at) === '\\' && at + 1 < text.length) {
      const code = rule.code?.find(([open]) => text.startsWith(open, at));
      if (code) this.open(code[0], code[1], { reads: 'code', lexicon: this.lexiconOfCode() });
      else if (text.charAt(at + 1) === '\n') {
        this.blank(1);
        this.keep(1);
        this.lineStart = this.at;
      } else this.blank(2);
      return;
    }
    if (rule.escape === 'doubled' && text.startsWith(rule.close + rule.close, at)) {
      this.blank(2 * rule.close.length);
      return;
    }
    if (this.closesTop()) return;
    const code = rule.code?.find(([open]) => text.startsWith(open, at));
    if (code) this.open(code[0], code[1], { reads: 'code', lexicon: this.lexiconOfCode() });
    else this.blank(1);
  }

  private inComment(opener: string): void {
    if (this.closesTop()) return;
    const isNested = this.lexicon.nestedComments && opener.length > 1 && this.text.startsWith(opener, this.at);
    const closer = this.stack.at(-1)?.closer ?? '';
    if (isNested && closer !== '\n') this.open(opener, closer, { reads: 'comment', opener });
    else this.blank(1);
  }

  private inMarkup(): void {
    const { lexicon, text, at } = this;
    const isComment = lexicon.lineComments.some((mark) => text.startsWith(mark, at)) && this.lineBefore().trim() === '';
    if (isComment && this.opensComment(lexicon)) return;
    if (this.opensBlockComment(lexicon) || this.opensTemplate() || this.tag()) return;
    if (this.stack.at(-1) && this.closesTop()) return;
    this.keep(1);
  }

  private opensBlockComment(lexicon: Lexicon): boolean {
    const block = lexicon.blockComments.find(([open]) => this.text.startsWith(open, this.at));
    if (block) this.open(block[0], block[1], { reads: 'comment', opener: block[0] });
    return block !== undefined;
  }

  private opensTemplate(): boolean {
    if (this.lexicon.kind !== 'markup') return false;
    const marks = TEMPLATE_MARKS.find(([open]) => this.text.startsWith(open, this.at));
    if (marks) this.open(marks[0], marks[1], { reads: 'code', lexicon: TEMPLATE_CODE });
    return marks !== undefined;
  }

  private tag(): boolean {
    if (this.lexicon.kind !== 'markup' || !this.matches(TAG)) return false;
    const [mark = '', slash = '', name = ''] = /<(\/?)(.*)/s.exec(this.text.slice(this.at, TAG.lastIndex)) ?? [];
    if (slash !== '') this.closeElement(name);
    else this.push(mark, '>', { reads: 'tag', element: name });
    this.keep(mark.length);
    if (slash !== '') while (this.text.charAt(this.at) === '>' || this.text.charAt(this.at) === ' ') this.keep(1);
    return true;
  }

  private closeElement(name: string): void {
    const index = this.stack.findLastIndex(({ closer }) => closer.toLowerCase() === `</${name}>`.toLowerCase());
    if (index < 0) this.closers.push({ text: `</${name}>`, offset: this.at, depth: undefined });
    else while (this.stack.length > index) this.pop(`</${name}>`);
  }

  private inTag(element: string): void {
    const { text, at } = this;
    if (this.opensTemplate()) return;
    if (text.startsWith('/>', at)) {
      this.pop('/>');
      this.keep(2);
    } else if (text.charAt(at) === '>') {
      this.pop('>');
      this.keep(1);
      this.openElement(element);
    } else if (text.charAt(at) === '"' || text.charAt(at) === "'") {
      const mark = text.charAt(at);
      const rule: StringRule = { open: mark, close: mark, escape: 'none', multiline: true };
      this.open(mark, mark, { reads: 'string', rule });
    } else this.keep(1);
  }

  private openElement(name: string): void {
    const lower = name.toLowerCase();
    if (VOID_ELEMENTS.has(lower) || name.startsWith('!')) return;
    const embedded = EMBEDDED[lower];
    const mode: Mode = embedded ? { reads: 'code', lexicon: lexiconOf(embedded) } : { reads: 'markup' };
    this.push(`<${name}>`, `</${name}>`, mode, this.at - 1);
  }

  /** The line's end: what cannot go on over it has ended. */
  private endLine(): void {
    while (this.stack.length > 0 && endsWithLine(this.stack.at(-1))) this.drop();
    this.keep(1);
    this.lineStart = this.at;
    this.beginLine();
  }

  private beginLine(): void {
    const top = this.stack.at(-1);
    const lineEnd = this.text.indexOf('\n', this.at);
    const line = this.text.slice(this.at, lineEnd < 0 ? undefined : lineEnd);
    if (top?.mode.reads === 'lines') this.closeLines(top, line);
    else if (this.hereDocuments.length > 0) {
      for (const word of this.hereDocuments.reverse()) this.push('<<', word, { reads: 'lines' });
      this.hereDocuments = [];
    } else if (this.mode().reads === 'markup') this.openFence(line);
  }

  private closeLines({ closer }: Open, line: string): void {
    const isClosed =
      closer.startsWith('`') || closer.startsWith('~') ? line.trim().startsWith(closer) : line.trim() === closer;
    if (!isClosed) return;
    const blanks = line.length - line.trimStart().length;
    this.keep(blanks);
    this.pop(closer);
    this.keep(line.length - blanks);
  }

  private openFence(line: string): void {
    if (this.lexicon.kind !== 'prose') return;
    const isFrontMatter = this.options.isStart && this.at === 0 && line.trimEnd() === '---';
    const fence = isFrontMatter ? '---' : FENCE.exec(line)?.[1];
    if (fence === undefined) return;
    this.push(fence, fence, { reads: 'lines' });
    this.keep(line.length);
  }

  private closesTop(): boolean {
    const top = this.stack.at(-1);
    if (!top || !this.text.startsWith(top.closer, this.at)) return false;
    if (top.closer === '\n') return false;
    this.pop(top.closer);
    if (top.mode.reads === 'comment') this.blank(top.closer.length);
    else this.keep(top.closer.length);
    return true;
  }

  private open(opener: string, closer: string, mode: Mode): void {
    this.push(opener, closer, mode);
    if (mode.reads === 'comment') this.blank(opener.length);
    else this.keep(opener.length);
  }

  private push(opener: string, closer: string, mode: Mode, offset = this.at): void {
    this.stack.push({ opener, closer, offset, mode });
  }

  private pop(text: string): void {
    this.stack.pop();
    if (this.stack.length >= this.floor) return;
    this.floor = this.stack.length;
    this.closers.push({ text, offset: this.at, depth: this.floor });
  }

  private drop(): void {
    this.stack.pop();
    this.floor = Math.min(this.floor, this.stack.length);
  }

  private keep(length: number): void {
    this.out.push(this.text.slice(this.at, this.at + length));
    this.at += length;
  }

  private blank(length: number): void {
    for (let i = this.at; i < this.at + length; i++) this.out.push(this.text.charAt(i) === '\n' ? '\n' : ' ');
    this.at += length;
  }

  private matches(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    return pattern.test(this.text);
  }

  /** The line as far as it is read, its end apart. */
  private lineBefore(): string {
    const start = this.lineStart === 0 ? 0 : Math.max(this.lineStart, this.at - MAX_LINE_CHARS);
    return (this.lineStart === 0 ? (this.options.before ?? '') : '') + this.text.slice(start, this.at);
  }

  private characterBefore(): string {
    return this.at > 0 ? this.text.charAt(this.at - 1) : (this.options.before ?? '').slice(-1);
  }

  private codeBefore(): string {
    const before = this.out.length < LOOK_BACK_CHARS ? (this.options.before ?? '') : '';
    return (before + this.out.slice(-LOOK_BACK_CHARS).join('')).slice(-LOOK_BACK_CHARS);
  }

  /** The rules of the code around. */
  private lexiconOfCode(): Lexicon {
    const mode = this.stack.findLast(({ mode: { reads } }) => reads === 'code')?.mode;
    return mode?.reads === 'code' ? mode.lexicon : this.lexicon;
  }
}

/** Within the marks of a template, strings and brackets are those of most languages. */
const TEMPLATE_CODE: Lexicon = { ...lexiconOf('javascript'), blockComments: [], lineComments: [] };

function endsWithLine(open: Open | undefined): boolean {
  if (!open) return false;
  return open.closer === '\n' || (open.mode.reads === 'string' && !open.mode.rule.multiline);
}

/** What is still open when the line has ended. */
export function withoutLineBound(open: readonly Open[]): readonly Open[] {
  const last = open.findLastIndex((item) => !endsWithLine(item));
  return open.slice(0, last + 1);
}

/** Whether a mark is a bracket of code. */
export function isBracket(mark: string): boolean {
  return mark.length === 1 && '()[]{}'.includes(mark);
}
