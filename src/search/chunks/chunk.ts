/** Rows of a text, both included, counted from 0. */
export interface Rows {
  readonly first: number;
  readonly last: number;
}

/** A piece of a file that is found as one. */
export interface Chunk extends Rows {
  /** Of what it declares; of a method with its class, as `Cache.get`. */
  readonly name?: string;
}

/** No chunk is longer, unless it is one line. The encoder reads 256 tokens. */
const MAX_LINES = 60;
const MAX_CHARS = 1200;

/** The lines of a text, with what deciding about them needs. */
export class Lines {
  private readonly lines: readonly string[];
  /** [lines + 1] characters before each line, without those that indent lines. */
  private readonly before: readonly number[];

  constructor(text: string) {
    this.lines = text.split('\n');
    let sum = 0;
    this.before = [0, ...this.lines.map((line) => (sum += line.trim().length + 1))];
  }

  get count(): number {
    return this.lines.length;
  }

  at(row: number): string {
    return this.lines[row] ?? '';
  }

  isBlank(row: number): boolean {
    return this.at(row).trim() === '';
  }

  /** Of the first character that is no blank; a tab counts as four. */
  indentation(row: number): number {
    const blanks = /^[\t ]*/.exec(this.at(row))?.[0] ?? '';
    return blanks.length + 3 * (blanks.split('\t').length - 1);
  }

  text({ first, last }: Rows): string {
    return this.lines.slice(first, last + 1).join('\n');
  }

  fits({ first, last }: Rows): boolean {
    if (last - first >= MAX_LINES) return false;
    return (this.before[last + 1] ?? 0) - (this.before[first] ?? 0) <= MAX_CHARS;
  }

  /** Without blank lines at both ends; undefined if there are no others. */
  trimmed({ first, last }: Rows): Rows | undefined {
    let [from, to] = [first, last];
    while (from <= to && this.isBlank(from)) from++;
    while (to > from && this.isBlank(to)) to--;
    return from > to ? undefined : { first: from, last: to };
  }

  /** Rows that fit, cut at the lines that are indented least, and there rather after a blank line. */
  split(rows: Rows): Rows[] {
    const parts: Rows[] = [];
    let { first } = rows;
    while (first <= rows.last) {
      const last = this.cut(first, rows.last);
      const part = this.trimmed({ first, last });
      if (part) parts.push(part);
      first = last + 1;
    }
    return parts;
  }

  /** The last row of the part that begins at a row. */
  private cut(first: number, end: number): number {
    if (this.fits({ first, last: end })) return end;
    let last = first;
    while (last < end && this.fits({ first, last: last + 1 })) last++;
    let [best, least] = [last, Infinity];
    for (let row = last; row > first + (last - first) / 2; row--) {
      if (this.isBlank(row + 1)) continue;
      const cost = 2 * this.indentation(row + 1) + (this.isBlank(row) ? 0 : 1);
      if (cost < least) [best, least] = [row, cost];
    }
    return best;
  }
}
