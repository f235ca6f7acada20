import { closerOf, closingHead } from '../completion/syntax/closers';

const QUOTES = `'"\``;

/** What an editor that closes brackets, quotes, tags and comments by itself has written after the cursor, as VS Code does. */
export class AutoClosed {
  /** Stands between the cursor and the text that was there before. */
  text = '';

  constructor(private readonly languageId: string) {}

  /**
   * Keys are struck.
   * @param keys one character, or a line end with the blanks that come with it
   * @param line what stands before the cursor on its line
   * @param rest what the hand is going to write after it
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

  /** A bracket or a quote is typed over; a longer mark only by a hand that is going to write all of it. */
  private isTypedOver(key: string, rest: string): boolean {
    if (!this.text.startsWith(key)) return false;
    const [mark = ''] = closingHead(this.text, this.languageId).marks;
    const first = this.text.slice(0, this.text.indexOf(mark) + mark.length);
    return first.length <= 1 || (key + rest).startsWith(first);
  }

  /** A suggestion was taken that replaces so much of it: what a suggestion opens, the editor does not close. */
  taken(replaces: number): void {
    this.text = this.text.slice(replaces);
  }

  private enter(keys: string, line: string, rest: string): void {
    // The closing mark stands on the next line already, and the hand goes there.
    const below = /^\n[^\n]*/.exec(this.text)?.[0];
    if (below !== undefined && `${keys}${rest}`.startsWith(below)) {
      this.text = this.text.slice(keys.length);
      return;
    }
    const [first = ''] = this.text.split('\n', 1);
    const indent = /^[ \t]*/.exec(line)?.[0] ?? '';
    // What the hand did not come to type over, it takes away.
    this.text = this.isBody(line, first) ? `\n${indent}${this.text}` : this.text.slice(first.length);
  }

  /** Enter was struck between two marks: the closing one goes to a line of its own. */
  private isBody(line: string, first: string): boolean {
    const key = line.slice(-1);
    if (first === '' || key === '' || QUOTES.includes(key)) return false;
    const closer = closerOf(key, line.slice(0, -1), this.languageId);
    return closer !== undefined && first.startsWith(closer);
  }
}
