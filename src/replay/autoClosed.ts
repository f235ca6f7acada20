import { closerOf, closingHead } from '../completion/syntax/closers';
import { leadingBlanks } from '../completion/syntax/indentation';

const QUOTES = `'"\``;

/** The closing brackets, quotes, tags and comment ends that an editor such as VS Code has inserted after the cursor. */
export class AutoClosed {
  /** The inserted text that is still after the cursor. */
  text = '';

  constructor(private readonly languageId: string) {}

  /**
   * A key was pressed.
   * @param keys one character, or a line end with the indentation that the editor adds
   * @param line the line before the cursor
   * @param rest the text that the typist writes next
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

  /** A bracket or a quote is typed over. A longer mark is only if the typist writes all of it. */
  private isTypedOver(key: string, rest: string): boolean {
    if (!this.text.startsWith(key)) return false;
    const [mark = ''] = closingHead(this.text, this.languageId).marks;
    const first = this.text.slice(0, this.text.indexOf(mark) + mark.length);
    return first.length <= 1 || (key + rest).startsWith(first);
  }

  /** An accepted suggestion replaces some of the characters. The editor does not close brackets that it opens. */
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
    // The typist deletes marks that are not typed over.
    this.text = this.isBody(line, first) ? `\n${leadingBlanks(line)}${this.text}` : this.text.slice(first.length);
  }

  /** Whether Enter was pressed between two marks, so that the closing one moves to a line of its own. */
  private isBody(line: string, first: string): boolean {
    const key = line.slice(-1);
    if (first === '' || key === '' || QUOTES.includes(key)) return false;
    const closer = closerOf(key, line.slice(0, -1), this.languageId);
    return closer !== undefined && first.startsWith(closer);
  }
}
