import type { EngineMemory, MemoryMatch, MemoryPlace } from '../engine/memory';
import { markersOf, type PromptFormat } from '../matlm/promptFormat';
import type { Prompt } from './prompt/prompt';

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
const LOOKED_UP_TOKENS = 39;

/** The end of a prompt's text before the cursor, without special tokens, which no match crosses. */
export function endOfText(
  { tokens, textEnd }: Pick<Prompt, 'tokens' | 'textEnd'>,
  format: PromptFormat,
): readonly number[] {
  const marks = markersOf(format);
  const end = tokens.slice(Math.max(0, textEnd - LOOKED_UP_TOKENS), textEnd);
  return end.slice(end.findLastIndex((token) => marks.has(token)) + 1);
}
