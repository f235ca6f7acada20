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

/** The brackets that have no partner in a text. Quotes have no meaning, because the text may be prose. */
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
