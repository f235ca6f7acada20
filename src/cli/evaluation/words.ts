import type { Suggestion } from '../../completion/outcome';
import type { Span } from './spans';

/** VS Code's words for a language that does not define its own. */
const WORD = /(?:-?\d*\.\d\w*)|(?:[^`~!@#%^&*()\-=+[{\]}\\|;:'",.<>/?\s]+)/g;

/**
 * The first of VS Code's word-based suggestions: words of the document that begin like the word at the cursor, in the order
 * of its list. It suggests nothing if no word was begun.
 */
export function firstWord({ prefix, suffix }: Span): Suggestion | undefined {
  const begun = /[^`~!@#%^&*()\-=+[{\]}\\|;:'",.<>/?\s\d][^`~!@#%^&*()\-=+[{\]}\\|;:'",.<>/?\s]*$/.exec(prefix)?.[0];
  if (begun === undefined) return undefined;
  const words = new Set(`${prefix.slice(0, -begun.length)} ${suffix}`.match(WORD));
  const [first] = [...words].filter((word) => word.length > begun.length && word.startsWith(begun)).sort();
  return first === undefined ? undefined : { text: first.slice(begun.length), replaces: 0 };
}
