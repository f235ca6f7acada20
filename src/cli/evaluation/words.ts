import type { Suggestion } from '../../completion/outcome';
import type { Span } from './spans';

/** VS Code's words where a language does not define its own. */
const WORD = /(?:-?\d*\.\d\w*)|(?:[^`~!@#%^&*()\-=+[{\]}\\|;:'",.<>/?\s]+)/g;

/**
 * What VS Code's word-based suggestions put first: words of the document that begin as the word at the cursor does, in
 * the order of its list. It suggests nothing where no word was begun.
 */
export function firstWord({ prefix, suffix }: Span): Suggestion | undefined {
  const begun = /[^`~!@#%^&*()\-=+[{\]}\\|;:'",.<>/?\s\d][^`~!@#%^&*()\-=+[{\]}\\|;:'",.<>/?\s]*$/.exec(prefix)?.[0];
  if (begun === undefined) return undefined;
  const words = new Set(`${prefix.slice(0, -begun.length)} ${suffix}`.match(WORD));
  const [first] = [...words].filter((word) => word.length > begun.length && word.startsWith(begun)).sort();
  return first === undefined ? undefined : { text: first.slice(begun.length), replaces: 0 };
}
