import { textOf } from './decode/confidence';
import { decode, isCutOff } from './decode/decode';
import type { Suggestion } from './outcome';
import type { Plan } from './plan';

const MAX_ALTERNATIVES = 2;
/** Decodes for all alternatives. Some of them repeat a known suggestion once they are trimmed. */
const MAX_TRIES = 4;
/** The longest from the request to the alternatives, because the editor shows the first suggestion together with them. */
export const ALTERNATIVES_MS = 300;

/**
 * Suggestions that begin with another token than the first one. All differ in the text that is shown.
 * @param signal ends the search, which returns what it has found
 */
export async function alternativesTo(
  first: Suggestion,
  { model, document, prompt, decision, trim }: Plan,
  signal: AbortSignal,
): Promise<Suggestion[]> {
  const { engine, checkpoint } = model;
  const found: Suggestion[] = [];
  const tried: number[] = [];
  for (let i = 0; i < MAX_TRIES && found.length < MAX_ALTERNATIVES; i++) {
    const decoded = await decode(engine, checkpoint, prompt, decision, trim, signal, {
      document,
      urgency: 'hand',
      bannedFirstTokens: [...tried],
    });
    const [token] = decoded.tokens;
    if (decoded.aborted || token === undefined) break;
    tried.push(token);
    const { suggestion } = trim(textOf(decoded.pieces), false, isCutOff(decoded));
    const isNew = suggestion && [first, ...found].every(({ text }) => text !== suggestion.text);
    if (isNew) found.push(suggestion);
  }
  return found;
}
