/** Brackets of a text, as far as they can be told without a grammar. */

const PAIRS: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };
const OPENERS = '([{';

/** A bracket that is not matched within its text. */
export interface Bracket {
  readonly bracket: string;
  readonly offset: number;
}

export interface Unmatched {
  /** Outermost first. */
  readonly openers: readonly Bracket[];
  /** Innermost first. */
  readonly closers: readonly Bracket[];
}

/** The brackets of a text that nothing in it matches. */
export function unmatched(text: string): Unmatched {
  const openers: Bracket[] = [];
  const closers: Bracket[] = [];
  for (let offset = 0; offset < text.length; offset++) {
    const bracket = text.charAt(offset);
    const opener = PAIRS[bracket];
    if (opener === undefined) {
      if (OPENERS.includes(bracket)) openers.push({ bracket, offset });
    } else if (openers.at(-1)?.bracket === opener) openers.pop();
    else closers.push({ bracket, offset });
  }
  return { openers, closers };
}

/** The bracket that `closer` closes is `opener`. */
export function closes(closer: string, opener: string): boolean {
  return PAIRS[closer] === opener;
}

/** The text with what stands between quotes on one line, and the rest of a line after //, blanked out. */
export function withoutStrings(text: string): string {
  return text.replace(/(['"`])(?:\\.|(?!\1)[^\\\n])*\1|\/\/[^\n]*/g, blank);
}

/** The same for a text that may end within a string. */
export function withoutOpenStrings(text: string): string {
  return withoutStrings(text).replace(/(?<!\w)['"`][^\n]*$/, blank);
}

function blank(text: string): string {
  return ' '.repeat(text.length);
}
