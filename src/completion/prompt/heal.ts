import type { Tokenizer } from '../../matlm/tokenizer';

/** No token is longer, in characters. A longer stretch has several tokens, and its last part says little about the next. */
const MAX_HEALING_CHARS = 24;

/**
 * Token healing: the end of the text before the cursor that the prompt leaves out and the model writes again, so that a
 * word cut by the cursor consists of whole tokens. It is the last stretch within which tokens may merge: a word, a run of
 * blanks or of punctuation. The text before it is tokenised alike whatever follows.
 */
export function healingPrefix(tokenizer: Tokenizer, prefix: string): string {
  const stretch = tokenizer.lastStretch(prefix);
  return stretch.length > MAX_HEALING_CHARS || !tokenizer.canSpell(stretch) ? '' : stretch;
}
