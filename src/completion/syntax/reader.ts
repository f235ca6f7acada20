import type { Lexicon, StringRule } from './lexicon';

/** The rules for text within an open item. */
export type Mode =
  | { readonly reads: 'code'; readonly lexicon: Lexicon }
  | { readonly reads: 'string'; readonly rule: StringRule }
  | { readonly reads: 'comment'; readonly opener: string }
  /** Between `<` and `>`. `element` is the name of the opened element, empty for a closing tag. */
  | { readonly reads: 'tag'; readonly element: string }
  | { readonly reads: 'markup' }
  /** Text between two stretches of code, as HTML in a PHP file. */
  | { readonly reads: 'outside' }
  /** Up to a line that closes it, as in a fence or a here-document. */
  | { readonly reads: 'lines' };

/** An open bracket, string, comment or element, and how the text in it is read. */
export interface Open {
  readonly opener: string;
  readonly closer: string;
  /** Offset of the opener in the text that contains it. */
  readonly offset: number;
  readonly mode: Mode;
}

/** A mark that closes an item from before the text, or nothing. */
export interface Closer {
  readonly text: string;
  readonly offset: number;
  /** Index of the item that it closes, in the list of those open before the text; undefined if it closes none of them. */
  readonly depth: number | undefined;
}

/** The result of a scan. */
export interface Scan {
  /** Items that are open at its end, outermost first. */
  readonly open: readonly Open[];
  /** Those of them that the text opened. */
  readonly opened: readonly Open[];
  /** Marks that close an item from before the text, or nothing at all, in order. */
  readonly closers: readonly Closer[];
  /** The text with comments and the content of strings replaced by blanks; as long as the text. */
  readonly code: string;
}

/** A stretch whose kind is known from a syntax tree. */
export interface KnownStretch {
  readonly start: number;
  readonly end: number;
}

export interface ScanOptions {
  /** Items that are open at the start of the text. */
  readonly open?: readonly Open[];
  /** The line before the text; empty if the text begins a line. */
  readonly before?: string;
  /** The text begins its document. */
  readonly isStart?: boolean;
  /** Stretches that are known to be strings, comments and the like, in order. */
  readonly known?: readonly KnownStretch[];
  /** Offset at which the result begins. The text before it is only read to recognise marks that cross this offset. */
  readonly from?: number;
}

/** The innermost open item contains text, not code. */
export function isWithinText(open: readonly Open[], lexicon: Lexicon): boolean {
  const mode = open.at(-1)?.mode;
  return mode ? mode.reads !== 'code' && mode.reads !== 'tag' : lexicon.kind !== 'code';
}

/** Characters of code before a slash or a tag that are examined. */
const LOOK_BACK_CHARS = 40;
/** Characters of a line before a bracket or a quote that are examined. */
const MAX_LINE_CHARS = 200;

/** Reads a text from start to end and keeps a stack of the items that are open. */
export class Reader {
  protected at = 0;
  protected readonly stack: Open[];
  protected readonly closers: Closer[] = [];
  /** The text so far, blanked. */
  protected out = '';
  protected lineStart = 0;
  /** Number of items on the stack that were open before the text. */
  private floor: number;

  constructor(
    protected readonly text: string,
    protected readonly lexicon: Lexicon,
    protected readonly options: ScanOptions,
  ) {
    this.stack = [...(options.open ?? [])];
    this.floor = this.stack.length;
  }

  /** Items opened since `tellFromHere`. */
  protected opened(): Open[] {
    // Text outside the code is no part that a later mark has to close.
    return this.stack.slice(this.floor).filter(({ mode }) => mode.reads !== 'outside');
  }

  protected tellFromHere(): void {
    this.floor = this.stack.length;
    this.closers.length = 0;
  }

  protected mode(): Mode {
    const mode = this.stack.at(-1)?.mode;
    if (mode) return mode;
    return this.lexicon.kind === 'code' ? { reads: 'code', lexicon: this.lexicon } : { reads: 'markup' };
  }

  protected closesTop(): boolean {
    const top = this.stack.at(-1);
    if (!top || !this.text.startsWith(top.closer, this.at)) return false;
    if (top.closer === '\n') return false;
    this.pop(top.closer);
    if (top.mode.reads === 'comment') this.blank(top.closer.length);
    else this.keep(top.closer.length);
    return true;
  }

  protected open(opener: string, closer: string, mode: Mode): void {
    this.push(opener, closer, mode);
    if (mode.reads === 'comment') this.blank(opener.length);
    else this.keep(opener.length);
  }

  protected push(opener: string, closer: string, mode: Mode, offset = this.at): void {
    this.stack.push({ opener, closer, offset, mode });
  }

  protected pop(text: string): void {
    this.stack.pop();
    if (this.stack.length >= this.floor) return;
    this.floor = this.stack.length;
    this.closers.push({ text, offset: this.at, depth: this.floor });
  }

  protected drop(): void {
    this.stack.pop();
    this.floor = Math.min(this.floor, this.stack.length);
  }

  protected keep(length: number): void {
    this.out += this.text.slice(this.at, this.at + length);
    this.at += length;
  }

  protected blank(length: number): void {
    this.out += this.text.slice(this.at, this.at + length).replace(/[^\n]/g, ' ');
    this.at += length;
  }

  protected matches(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    return pattern.test(this.text);
  }

  /** The current line up to the reading position. */
  protected lineBefore(): string {
    const start = Math.max(this.lineStart, this.at - MAX_LINE_CHARS);
    const before = start === 0 ? (this.options.before ?? '').slice(-MAX_LINE_CHARS) : '';
    return before + this.text.slice(start, this.at);
  }

  protected characterBefore(): string {
    return this.at > 0 ? this.text.charAt(this.at - 1) : (this.options.before ?? '').slice(-1);
  }

  protected codeBefore(): string {
    const before = this.out.length < LOOK_BACK_CHARS ? (this.options.before ?? '') : '';
    return (before + this.out.slice(-LOOK_BACK_CHARS)).slice(-LOOK_BACK_CHARS);
  }

  /** The rules of the code around. */
  protected lexiconOfCode(): Lexicon {
    const mode = this.stack.findLast(({ mode: { reads } }) => reads === 'code')?.mode;
    return mode?.reads === 'code' ? mode.lexicon : this.lexicon;
  }
}

export function endsWithLine(open: Open | undefined): boolean {
  if (!open) return false;
  return open.closer === '\n' || (open.mode.reads === 'string' && !open.mode.rule.multiline);
}

/** The items that stay open at the end of a line. */
export function withoutLineBound(open: readonly Open[]): readonly Open[] {
  const last = open.findLastIndex((item) => !endsWithLine(item));
  return open.slice(0, last + 1);
}

/** Whether a mark is a bracket of code. */
export function isBracket(mark: string): boolean {
  return mark.length === 1 && '()[]{}'.includes(mark);
}
