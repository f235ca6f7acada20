import type { Tokenizer } from '../../matlm/tokenizer';

/** No token is longer, in characters; what is longer is made of several, and its last part says little of the next. */
const MAX_HEALING_CHARS = 24;

/**
 * Token healing: the end of the text before the cursor that the prompt leaves out and the model writes again, so that a
 * word which the cursor cuts in two is made of whole tokens. It is the whole of the last stretch within which tokens may
 * merge (a word, a run of blanks or of punctuation): what comes before it is tokenised alike, whatever follows.
 */
export function healingPrefix(tokenizer: Tokenizer, prefix: string): string {
  const stretch = tokenizer.lastStretch(prefix);
  return stretch.length > MAX_HEALING_CHARS ? '' : stretch;
}
