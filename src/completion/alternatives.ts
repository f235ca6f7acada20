import type { Engine } from '../engine/engine';
import type { Tokenizer } from '../matlm/tokenizer';
import { textOf } from './decode/confidence';
import { decode } from './decode/decode';
import type { Suggestion } from './outcome';
import type { Plan } from './plan';

export interface AlternativesParts {
  readonly engine: Engine;
  readonly tokenizer: Tokenizer;
}

/** Alternatives to the first suggestion, and decodes that may be tried for them. */
const MAX_ALTERNATIVES = 2;
const MAX_TRIES = 4;
/** The longest from the request to the alternatives, because the editor shows the first suggestion together with them. */
export const ALTERNATIVES_MS = 300;

/**
 * Suggestions other than the first: what follows from other first tokens, distinct as they are shown.
 * @param signal ends the search: what was found by then is returned
 */
export async function alternativesTo(
  first: Suggestion,
  { prompt, decision, trim }: Plan,
  { engine, tokenizer }: AlternativesParts,
  signal: AbortSignal,
): Promise<Suggestion[]> {
  const found: Suggestion[] = [];
  const tried: number[] = [];
  for (let i = 0; i < MAX_TRIES && found.length < MAX_ALTERNATIVES; i++) {
    const decoded = await decode(engine, tokenizer, prompt, decision, trim, signal, { bannedFirstTokens: [...tried] });
    const [token] = decoded.tokens;
    if (decoded.aborted || token === undefined) break;
    tried.push(token);
    const { suggestion } = trim(textOf(decoded.pieces), false);
    const isNew = suggestion && [first, ...found].every(({ text }) => text !== suggestion.text);
    if (isNew) found.push(suggestion);
  }
  return found;
}
