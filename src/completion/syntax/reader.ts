import type { Lexicon, StringRule } from './lexicon';

/** How text is read within something that is open. */
export type Mode =
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

/** What is open at the end reads as text, and not as code. */
export function isWithinText(open: readonly Open[], lexicon: Lexicon): boolean {
  const mode = open.at(-1)?.mode;
  return mode ? mode.reads !== 'code' && mode.reads !== 'tag' : lexicon.kind !== 'code';
}

/** Of the code before a slash or a quote, so much tells what it is. */
const LOOK_BACK_CHARS = 40;
/** Of a line, so much before a bracket is looked at. */
const MAX_LINE_CHARS = 200;

/** A text that is read from one end to the other, and what is open where. */
export class Reader {
  protected at = 0;
  protected readonly stack: Open[];
  protected readonly closers: Closer[] = [];
  /** The text so far, blanked. */
  protected out = '';
  protected lineStart = 0;
  /** How much of the stack was there before the text. */
  private floor: number;

  constructor(
    protected readonly text: string,
    protected readonly lexicon: Lexicon,
    protected readonly options: ScanOptions,
  ) {
    this.stack = [...(options.open ?? [])];
    this.floor = this.stack.length;
  }

  /** What was opened since `tellFromHere`. */
  protected opened(): Open[] {
    return this.stack.slice(this.floor);
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

  /** The line as far as it is read, its end apart. */
  protected lineBefore(): string {
    const start = this.lineStart === 0 ? 0 : Math.max(this.lineStart, this.at - MAX_LINE_CHARS);
    return (this.lineStart === 0 ? (this.options.before ?? '') : '') + this.text.slice(start, this.at);
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

/** What is still open when the line has ended. */
export function withoutLineBound(open: readonly Open[]): readonly Open[] {
  const last = open.findLastIndex((item) => !endsWithLine(item));
  return open.slice(0, last + 1);
}

/** Whether a mark is a bracket of code. */
export function isBracket(mark: string): boolean {
  return mark.length === 1 && '()[]{}'.includes(mark);
}
