import type { Engine } from '../engine/engine';
import type { Tokenizer } from '../matlm/tokenizer';
import { textOf } from './decode/confidence';
import { decode, isCutOff } from './decode/decode';
import type { Suggestion } from './outcome';
import type { Plan } from './plan';

export interface AlternativesParts {
  readonly engine: Engine;
  readonly tokenizer: Tokenizer;
  readonly now: () => number;
}

const MAX_ALTERNATIVES = 2;
/** Decodes for all alternatives. Some of them repeat a known suggestion once they are trimmed. */
const MAX_TRIES = 4;
/** No further decode begins after this time. */
const ALTERNATIVES_MS = 300;

/** Suggestions that begin with another token than the first one. All differ in the text that is shown. */
export async function alternativesTo(
  first: Suggestion,
  { prompt, decision, trim }: Plan,
  { engine, tokenizer, now }: AlternativesParts,
  signal: AbortSignal,
): Promise<Suggestion[]> {
  const startedMs = now();
  const found: Suggestion[] = [];
  const tried: number[] = [];
  for (let i = 0; i < MAX_TRIES && found.length < MAX_ALTERNATIVES; i++) {
    const decoded = await decode(engine, tokenizer, prompt, decision, trim, signal, { bannedFirstTokens: [...tried] });
    const [token] = decoded.tokens;
    if (decoded.aborted || token === undefined) break;
    tried.push(token);
    const { suggestion } = trim(textOf(decoded.pieces), false, isCutOff(decoded));
    const isNew = suggestion && [first, ...found].every(({ text }) => text !== suggestion.text);
    if (isNew) found.push(suggestion);
    if (now() - startedMs > ALTERNATIVES_MS) break;
  }
  return found;
}
