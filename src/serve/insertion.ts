import type { Suggestion } from '../completion/outcome';

const CLOSERS: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

/**
 * The text of a suggestion for a client that only inserts. Brackets and quotes that the suggestion would replace stay after the
 * cursor, so the text ends before the mark that closes the same item.
 * @param suffix the text after the cursor
 */
export function insertionOf({ text, replaces }: Suggestion, suffix: string): string {
  if (replaces === 0) return text;
  const replaced = suffix.slice(0, replaces);
  if (text.endsWith(replaced)) return text.slice(0, text.length - replaced.length);
  const mark = replaced[0] ?? '';
  return text.slice(0, closedAt(text, mark));
}

/** Where a text has a mark that closes what was open before it; its length if nowhere. */
function closedAt(text: string, mark: string): number {
  const opener = CLOSERS[mark];
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === opener) depth++;
    else if (text[i] === mark && depth-- === 0) return i;
  }
  return text.length;
}
