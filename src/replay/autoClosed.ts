const CLOSERS: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', "'": "'", '"': '"', '`': '`' };
const QUOTES = `'"\``;

/** What an editor that closes brackets and quotes by itself has written after the cursor, as VS Code does. */
export class AutoClosed {
  /** Stands between the cursor and the text that was there before. */
  text = '';

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
    } else if (this.text.startsWith(key)) {
      this.text = this.text.slice(1);
    } else {
      const closer = CLOSERS[key];
      const isApostrophe = QUOTES.includes(key) && /[\w$'"`]$/.test(line);
      if (closer !== undefined && !isApostrophe) this.text = closer + this.text;
    }
  }

  /** A suggestion was taken that replaces so much of it: what a suggestion opens, the editor does not close. */
  taken(replaces: number): void {
    this.text = this.text.slice(replaces);
  }

  private enter(keys: string, line: string, rest: string): void {
    // The closing bracket stands on the next line already, and the hand goes there.
    const below = /^\n[^\n]*/.exec(this.text)?.[0];
    if (below !== undefined && `${keys}${rest}`.startsWith(below)) {
      this.text = this.text.slice(keys.length);
      return;
    }
    const [first = ''] = this.text.split('\n', 1);
    const isBody = first !== '' && CLOSERS[line.slice(-1)] === first.charAt(0) && !QUOTES.includes(first.charAt(0));
    const indent = /^[ \t]*/.exec(line)?.[0] ?? '';
    // What the hand did not come to type over, it takes away.
    this.text = isBody ? `\n${indent}${this.text}` : this.text.slice(first.length);
  }
}
