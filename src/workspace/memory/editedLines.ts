/** A change of whole lines, from 0, in the text before it: `first` to `last` become `lines` lines. */
export interface LineChange {
  readonly first: number;
  readonly last: number;
  readonly lines: number;
}

/**
 * The lines of a text that were edited since it was remembered, as one interval that covers them all: enough to say which
 * of its lines a cursor is in.
 */
export class EditedLines {
  /** Lines of the remembered text, which are `last - first + 1 + delta` lines now; none while `last` is less than `first`. */
  private first = 0;
  private last = -1;
  private delta = 0;

  /** The text as it is now was remembered. */
  clear(): void {
    [this.first, this.last, this.delta] = [0, -1, 0];
  }

  add({ first, last, lines }: LineChange): void {
    const [from] = this.remembered(first);
    const [, to] = this.remembered(last);
    const isFirst = this.last < this.first;
    this.first = isFirst ? from : Math.min(this.first, from);
    this.last = isFirst ? to : Math.max(this.last, to);
    this.delta += lines - (last - first + 1);
  }

  /** The remembered lines that a line is in now: one, or all that were edited if it is among them. */
  remembered(line: number): readonly [first: number, last: number] {
    if (this.last < this.first || line < this.first) return [line, line];
    if (line > this.last + this.delta) return [line - this.delta, line - this.delta];
    return [this.first, this.last];
  }
}
