import type { SpecialTokens } from '../matlm/tokenizer';
import type { EngineMemory, MemoryMatch, MemoryPlace } from '../engine/memory';

/** Looks up the end of a text in the memory; undefined if that takes too long or fails. */
export type LookUp = (tokens: readonly number[], place: MemoryPlace) => Promise<MemoryMatch | undefined>;

/** The longest time that a decision waits for the memory: a part of what the cheapest size saves where the memory is sure. */
const LOOK_MS = 2;

export function timeBoxed(memory: Pick<EngineMemory, 'look'>): LookUp {
  return (tokens, place) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, LOOK_MS, undefined);
    });
    const look = memory.look(tokens, place).catch(() => undefined);
    return Promise.race([look, late]).finally(() => {
      clearTimeout(timer);
    });
  };
}

/** More tokens than the longest match has. */
const LOOKED_UP_TOKENS = 40;

/** The end of a prompt's text before the cursor, without special tokens, which no match crosses. */
export function endOfText(prompt: readonly number[], special: SpecialTokens): readonly number[] {
  const marks = new Set<number>(Object.values(special));
  const end = prompt.slice(-LOOKED_UP_TOKENS, -1); // the last one asks for the middle
  return end.slice(end.findLastIndex((token) => marks.has(token)) + 1);
}
