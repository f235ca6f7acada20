import { Random } from './random';

/** A slip of the hand: what it strikes before it notices. As many keys take that back. */
export interface Mistake {
  readonly keys: string;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
/** The wrong key and those after it, until the hand notices. */
const MOST_KEYS = 3;

/**
 * Whether the hand strikes a wrong letter in place of `text[offset]`, and goes on for up to two more keys of the word
 * before it notices. It depends on the seed, the file and the place alone.
 * @param share of the letters that go wrong
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
