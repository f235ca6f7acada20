import { closerOf, closingHead } from '../completion/syntax/closers';

const QUOTES = `'"\``;

/** The closing brackets, quotes, tags and comment ends that an editor such as VS Code has inserted after the cursor. */
export class AutoClosed {
  /** The text between the cursor and the original text. */
  text = '';

  constructor(private readonly languageId: string) {}

  /**
   * Keys are struck.
   * @param keys one character, or a line end with the blanks that come with it
   * @param line the line before the cursor
   * @param rest the text that the typist will write next
   */
  typed(keys: string, line: string, rest: string): void {
    const key = keys.charAt(0);
    if (key === '\n') {
      this.enter(keys, line, rest);
    } else if (this.isTypedOver(key, rest)) {
      this.text = this.text.slice(1);
    } else {
      this.text = (closerOf(key, line, this.languageId) ?? '') + this.text;
    }
  }

  /** A bracket or a quote is typed over; a longer mark only if the typist is about to write all of it. */
  private isTypedOver(key: string, rest: string): boolean {
    if (!this.text.startsWith(key)) return false;
    const [mark = ''] = closingHead(this.text, this.languageId).marks;
    const first = this.text.slice(0, this.text.indexOf(mark) + mark.length);
    return first.length <= 1 || (key + rest).startsWith(first);
  }

  /** A suggestion was accepted that replaces so many of these characters. The editor does not close what a suggestion opens. */
  taken(replaces: number): void {
    this.text = this.text.slice(replaces);
  }

  private enter(keys: string, line: string, rest: string): void {
    // The closing mark is already on the next line, and the typist moves there.
    const below = /^\n[^\n]*/.exec(this.text)?.[0];
    if (below !== undefined && `${keys}${rest}`.startsWith(below)) {
      this.text = this.text.slice(keys.length);
      return;
    }
    const [first = ''] = this.text.split('\n', 1);
    const indent = /^[ \t]*/.exec(line)?.[0] ?? '';
    // The typist deletes marks that are not typed over.
    this.text = this.isBody(line, first) ? `\n${indent}${this.text}` : this.text.slice(first.length);
  }

  /** Enter was pressed between two marks: the closing one moves to a line of its own. */
  private isBody(line: string, first: string): boolean {
    const key = line.slice(-1);
    if (first === '' || key === '' || QUOTES.includes(key)) return false;
    const closer = closerOf(key, line.slice(0, -1), this.languageId);
    return closer !== undefined && first.startsWith(closer);
  }
}
