/** Brackets of a text that is no code, such as a comment: nothing is said of strings in it. */

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
