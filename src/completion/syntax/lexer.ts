import { type Lexicon, lexiconOf, type StringRule, TEMPLATE_MARKS, VOID_ELEMENTS } from './lexicon';
import { endsWithLine, isBracket, type Mode, type Open, Reader, type Scan, type ScanOptions } from './reader';

/** Scan a text by the rules of a language, in time linear in its length. */
export function scan(text: string, lexicon: Lexicon, options: ScanOptions = {}): Scan {
  return new Lexer(text, lexicon, options).read();
}

const CLOSERS: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const PLAIN = /[A-Za-z0-9_]+| +/y;
const WORD = /[\w\u00aa-\uffff]/;
const CHARACTER = /'(?:\\(?:u\{[^}\n]*\}|[^\n])[^'\n]{0,8}|[^'\\\n]|[\ud800-\udbff][\udc00-\udfff])'/y;
/** The start of a character literal at the end of the text. A letter may begin a lifetime instead. */
const BEGUN_CHARACTER = /^'(?:\\.*|[^'\w\s]?)$/;
const MAX_CHARACTER_CHARS = 12;
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y;
const BEFORE_REGEX = /(?:^|[(,=:[!&|?;{+\-*%~^>])\s*$|\b(?:return|typeof|case|in|of|do|else)\s+$/;
/** A keyword or the name of a function, not of a variable with a sigil. */
const WORD_BEFORE_REGEX = /(?<![$@%&\w])[a-z]\w*[?!]?\s+$/;
const TAG = /<(\/?)([A-Za-z!][\w:.-]*|(?=>))/y;
const ELEMENT = /<(?:[A-Za-z][\w:.-]*(?!\s*,|\s+extends\b)(?![\w:.-])|>)/y;
const BEFORE_ELEMENT = /(?:^|[(,=:[&|?{}>;])\s*$|\b(?:return|yield|default|else)\s+$/;
const FENCE = /^[ \t]*(?:[-*+>]\s+|\d+[.)]\s+)*(`{3,}|~{3,})/;
/** A name cannot contain the separator, because otherwise a long list could be read in exponentially many ways. */
const CASE_PATTERN = /^\s*\(?[^\s()|]+(?:\s*\|\s*[^\s()|]+)*\s*$/;
/** The line before a value of YAML outside of brackets: nothing, marks of a list, a key, a tag or an anchor. */
const VALUE_START = /(?:^(?:[ \t]*[-?](?=[ \t]))*|:[ \t]|[ \t][!&]\S{0,80}[ \t])[ \t]*$/;
/** How the code of a PHP file begins; `<?php` and `<?=` do too. */
const CODE_START = '<?';
const EMBEDDED: Readonly<Record<string, string>> = { script: 'typescript', style: 'css' };
const EMBEDDED_END = /^<\/(script|style)>/i;

class Lexer extends Reader {
  private nextKnown = 0;
  /** The here-documents that begin on the next line. */
  private hereDocuments: { readonly opener: string; readonly word: string }[] = [];

  read(): Scan {
    if (this.beginsOutsideCode()) this.push('?>', CODE_START, { reads: 'outside' });
    if (!this.options.before) this.beginLine();
    const { from = 0 } = this.options;
    while (this.at < this.text.length) {
      if (this.at <= from) this.tellFromHere();
      this.step();
    }
    if (this.at <= from) this.tellFromHere();
    return {
      open: this.stack,
      opened: this.opened(),
      closers: this.closers.map((closer) => ({ ...closer, offset: Math.max(0, closer.offset - from) })),
      code: this.out.slice(from),
    };
  }

  private step(): void {
    if (this.atKnownStretch()) return;
    if (this.text[this.at] === '\n') {
      this.endLine();
      return;
    }
    const mode = this.mode();
    if (this.plainRun(mode)) return;
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
      case 'outside':
        this.outsideCode();
        break;
      case 'lines':
        this.blank(1);
        break;
    }
  }

  /** Words and spaces, which are most of a text, neither open nor close anything. */
  private plainRun(mode: Mode): boolean {
    const isText = mode.reads === 'string' || mode.reads === 'comment' || mode.reads === 'lines';
    if (mode.reads === 'code' && mode.lexicon.rawString && this.opensRawString(mode.lexicon.rawString)) return true;
    PLAIN.lastIndex = this.at;
    if (!PLAIN.test(this.text)) return false;
    const { known = [] } = this.options;
    const end = Math.min(PLAIN.lastIndex, Math.max(this.at + 1, known[this.nextKnown]?.start ?? Infinity));
    const stop = this.at < (this.options.from ?? 0) ? Math.min(end, this.options.from ?? end) : end;
    if (isText) this.blank(stop - this.at);
    else this.keep(stop - this.at);
    return true;
  }

  private atKnownStretch(): boolean {
    const { known = [] } = this.options;
    while ((known[this.nextKnown]?.start ?? Infinity) < this.at) this.nextKnown++;
    const stretch = known[this.nextKnown];
    if (stretch?.start !== this.at || stretch.end > this.text.length) return false;
    const isQuoted = /["'`]/.test(this.text.charAt(this.at)) && stretch.end - this.at > 1;
    if (isQuoted) this.keep(1);
    this.blank(stretch.end - this.at - Number(isQuoted));
    if (isQuoted) this.keep(1);
    return true;
  }

  private inCode(lexicon: Lexicon): void {
    const { text, at } = this;
    const character = text.charAt(at);
    if (lexicon.escapesInCode && character === '\\' && at + 1 < text.length) {
      this.keep(1);
      if (text.charAt(this.at) !== '\n') this.blank(1);
      return;
    }
    if (this.closesTop() || this.leavesCode(lexicon)) return;
    const end = character === '<' ? EMBEDDED_END.exec(text.slice(at, at + 10))?.[1] : undefined;
    if (end !== undefined && this.lexicon.kind === 'markup') {
      this.closeElement(end);
      this.keep(end.length + 3);
      return;
    }
    if (this.opensComment(lexicon) || this.opensString(lexicon)) return;
    if (lexicon.tags && character === '<' && this.beginsElement() && this.tag()) return;
    if (lexicon.brackets.includes(character)) this.bracket(character, lexicon);
    else if (
      lexicon.hereDocument &&
      character === '<' &&
      !this.isWithinArithmetic() &&
      this.matches(lexicon.hereDocument)
    )
      this.hereDocument(lexicon.hereDocument);
    else if (lexicon.regex && character === '/' && this.mayBeginRegex(lexicon.regex) && this.matches(REGEX))
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
    // `closesTop` has handled matching brackets, so this one closes nothing.
    const isPattern = lexicon.casePatterns && character === ')' && CASE_PATTERN.test(this.lineBefore());
    if (!isPattern) this.closers.push({ text: character, offset: this.at, depth: undefined });
    this.keep(1);
  }

  private opensComment(lexicon: Lexicon): boolean {
    const { text, at } = this;
    const block = lexicon.blockComments.find(([open]) => text.startsWith(open, at));
    // Marks such as `=begin` count only at the start of a line.
    if (block && (!block[0].startsWith('=') || this.lineBefore() === '')) {
      this.open(block[0], block[1], { reads: 'comment', opener: block[0] });
      return true;
    }
    const line = lexicon.lineComments.find((mark) => text.startsWith(mark, at));
    if (line === undefined) return false;
    const before = this.characterBefore();
    // `://` is part of an address, and `#[` an attribute.
    if (line === '//' && before === ':') return false;
    if (line === '#' && lexicon.attributes && text.charAt(at + 1) === '[') return false;
    if (lexicon.commentBeginsWord && line === '#' && before !== '' && !/[\s;()&|]/.test(before)) return false;
    this.open(line, '\n', { reads: 'comment', opener: line });
    return true;
  }

  private opensString(lexicon: Lexicon): boolean {
    const { text, at } = this;
    const character = text.charAt(at);
    if (character === "'" && lexicon.apostrophe !== 'string') return this.apostrophe(lexicon);
    const rule = lexicon.strings.find(({ open }) => text.startsWith(open, at));
    if (!rule || !this.mayBegin(lexicon)) return false;
    this.open(rule.open, rule.close, { reads: 'string', rule });
    return true;
  }

  private opensRawString({ open, close, escape = 'none' }: NonNullable<Lexicon['rawString']>): boolean {
    if (WORD.test(this.characterBefore())) return false;
    open.lastIndex = this.at;
    const match = open.exec(this.text);
    if (!match) return false;
    const closer = close(match.slice(1).find((group) => group) ?? '');
    const rule: StringRule = { open: match[0], close: closer, escape, multiline: true };
    this.open(match[0], closer, { reads: 'string', rule });
    return true;
  }

  /** A quote within a word belongs to that word: `don't`, `1'000`. */
  private mayBegin({ stringPrefix, quoteBeginsValue }: Lexicon): boolean {
    const before = this.characterBefore();
    if (quoteBeginsValue) {
      const isFlow = isBracket(this.stack.at(-1)?.opener ?? '');
      return VALUE_START.test(this.lineBefore()) || (isFlow && /[[{,:]\s*$/.test(this.lineBefore()));
    }
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
    const left = this.text.length - at;
    if (!rule && left <= MAX_CHARACTER_CHARS && BEGUN_CHARACTER.test(this.text.slice(at))) {
      this.blank(left);
      return true;
    }
    // In a language without single-quoted strings, it is a lifetime or a label.
    if (!rule) return false;
    this.open("'", "'", { reads: 'string', rule });
    return true;
  }

  /** Within `((`, which is arithmetic in a shell, `<<` shifts bits. */
  private isWithinArithmetic(): boolean {
    return this.stack.some(({ opener, offset }, i) => {
      const next = this.stack[i + 1];
      return opener.endsWith('(') && next?.opener === '(' && next.offset === offset + opener.length;
    });
  }

  /** The slash stands in place of a value, or of the first argument of a call without brackets: `scan /a/`. */
  private mayBeginRegex(regex: NonNullable<Lexicon['regex']>): boolean {
    const before = this.codeBefore();
    if (BEFORE_REGEX.test(before)) return true;
    return regex === 'or argument' && WORD_BEFORE_REGEX.test(before) && /[^\s=]/.test(this.text.charAt(this.at + 1));
  }

  /** Whether the text begins outside the marks of code: the first of these marks tells. */
  private beginsOutsideCode(): boolean {
    const { lexicon, options, text } = this;
    if (!lexicon.codeMarks || (options.open && !options.isStart)) return false;
    const mark = /<\?|\?>/.exec(text)?.[0];
    return mark === undefined ? options.isStart === true && /^\s*</.test(text) : mark === CODE_START;
  }

  private leavesCode({ codeMarks }: Lexicon): boolean {
    if (!codeMarks || !this.text.startsWith('?>', this.at)) return false;
    this.open('?>', CODE_START, { reads: 'outside' });
    return true;
  }

  /** Text outside the marks of code: quotes and brackets in it mean nothing. */
  private outsideCode(): void {
    if (!this.text.startsWith(CODE_START, this.at)) {
      this.keep(1);
      return;
    }
    this.drop();
    this.keep(CODE_START.length);
  }

  private hereDocument(mark: RegExp): void {
    mark.lastIndex = this.at;
    const match = mark.exec(this.text);
    const word = match?.groups?.word;
    if (!match || word === undefined) return;
    this.hereDocuments.push({ opener: /^<+/.exec(match[0])?.[0] ?? '<<', word });
    this.keep(match[0].length);
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
    if (rule.escape === 'doubled' && this.escapesMark(rule.close)) {
      this.blank(1 + rule.close.length);
      return;
    }
    if (this.closesTop()) return;
    const code = rule.code?.find(([open]) => text.startsWith(open, at));
    if (code) this.open(code[0], code[1], { reads: 'code', lexicon: this.lexiconOfCode() });
    else this.blank(1);
  }

  /** `''`; some dialects also write `\'`, which is recognised if a word goes on behind it. */
  private escapesMark(mark: string): boolean {
    const { text, at } = this;
    if (text.startsWith(mark + mark, at)) return true;
    return text.startsWith(`\\${mark}`, at) && /\w/.test(text.charAt(at + 1 + mark.length));
  }

  private inComment(opener: string): void {
    if (this.closesTop()) return;
    if (this.stack.at(-1)?.closer === '\n' && this.lexicon.codeMarks && this.text.startsWith('?>', this.at)) {
      this.drop();
      this.leavesCode(this.lexicon);
      return;
    }
    const isNested = this.lexicon.nestedComments && opener.length > 1 && this.text.startsWith(opener, this.at);
    const closer = this.stack.at(-1)?.closer ?? '';
    if (isNested && closer !== '\n') this.open(opener, closer, { reads: 'comment', opener });
    else this.blank(1);
  }

  /** A tag in code stands in place of a value. `<T,>` and `<T extends U>` are type parameters. */
  private beginsElement(): boolean {
    ELEMENT.lastIndex = this.at;
    return ELEMENT.test(this.text) && BEFORE_ELEMENT.test(this.codeBefore());
  }

  private inMarkup(): void {
    const { lexicon, text, at } = this;
    if (lexicon.tags && text.charAt(at) === '{') {
      this.open('{', '}', { reads: 'code', lexicon });
      return;
    }
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
    const { kind, tags } = this.lexicon;
    if ((kind !== 'markup' && !tags) || !this.matches(TAG)) return false;
    const [mark = '', slash = '', name = ''] = /<(\/?)(.*)/s.exec(this.text.slice(this.at, TAG.lastIndex)) ?? [];
    if (name === '' && !tags) return false;
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
    if (this.lexicon.tags && text.charAt(at) === '{') {
      this.open('{', '}', { reads: 'code', lexicon: this.lexicon });
    } else if (text.startsWith('/>', at)) {
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
    const embedded = this.lexicon.tags ? undefined : EMBEDDED[lower];
    const mode: Mode = embedded ? { reads: 'code', lexicon: lexiconOf(embedded) } : { reads: 'markup' };
    this.push(`<${name}>`, `</${name}>`, mode, this.at - 1);
  }

  /** Ends strings and comments that cannot span lines. */
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
      for (const { opener, word } of this.hereDocuments.reverse()) this.push(opener, word, { reads: 'lines' });
      this.hereDocuments = [];
    } else if (this.mode().reads === 'markup') this.openFence(line);
  }

  private closeLines({ opener, closer }: Open, line: string): void {
    const words = line.trim();
    const isFence = closer.startsWith('`') || closer.startsWith('~');
    // In PHP, the statement may go on behind the word.
    const isPhp = opener === '<<<';
    const isClosed = isFence || isPhp ? words.startsWith(closer) : words === closer;
    if (!isClosed || (isPhp && /\w/.test(words.charAt(closer.length)))) return;
    const blanks = line.length - line.trimStart().length;
    this.keep(blanks);
    this.pop(closer);
    this.keep(isPhp ? closer.length : line.length - blanks);
  }

  private openFence(line: string): void {
    if (this.lexicon.kind !== 'prose') return;
    const isFrontMatter = this.options.isStart && this.at === 0 && line.trimEnd() === '---';
    const fence = isFrontMatter ? '---' : FENCE.exec(line)?.[1];
    if (fence === undefined) return;
    this.push(fence, fence, { reads: 'lines' });
    this.keep(line.length);
  }
}

/** Within the marks of a template, strings and brackets are those of most languages. */
const TEMPLATE_CODE: Lexicon = { ...lexiconOf('typescript'), blockComments: [], lineComments: [] };
