import { Random } from './random';

/** The keys of a mistake before the typist notices. The same number of keys deletes them. */
export interface Mistake {
  readonly keys: string;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
/** The most keys of a mistake, the wrong one included. */
const MOST_KEYS = 3;

/**
 * The mistake at `text[offset]`: a wrong letter, and up to two more keys of the word before the typist notices. It depends
 * only on the seed, the file and the offset.
 * @param share of the letters that are typed wrong
 * @returns undefined if there is no mistake
 */
export function mistakeAt(
  text: string,
  offset: number,
  { seed, file, share }: { readonly seed: number; readonly file: string; readonly share: number },
): Mistake | undefined {
  const right = text[offset] ?? '';
  if (share === 0 || !/[a-z]/i.test(right)) return undefined;
  const random = new Random(seed, 'mistake', file, offset);
  if (random.next() >= share) return undefined;
  const others = LETTERS.replace(right.toLowerCase(), '');
  const wrong = others[Math.floor(random.next() * others.length)] ?? '';
  const more = /^\w*/.exec(text.slice(offset + 1))?.[0] ?? '';
  return { keys: wrong + more.slice(0, Math.floor(random.next() * MOST_KEYS)) };
}
