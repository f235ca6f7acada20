import { detached } from './detached';
import type { PreTokenizer } from './preTokenizer';

/** Stretches up to this length are encoded whole, as in training. Almost no code has a longer one. */
const MAX_WHOLE = 256;
/** Longer ones are encoded in slices of about this many characters. */
const SLICE = 64;

/** Encoded stretches that are remembered, and their characters together: a few megabytes at the most. */
const MAX_REMEMBERED = 20_000;
const MAX_CHARACTERS = 500_000;

/** Texts of these lengths, those of prompts, are compared with earlier ones, of which so many are kept. */
const MIN_COMPARED = 500;
const MAX_COMPARED = 100_000;
const KEPT = 4;

/** Characters before the first difference that are split again. No pre-tokenizer looks so far ahead, except past blanks. */
const MARGIN = 256;

/** A text that was encoded: where its stretches end, and how many of its ids come before each end. */
interface EncodedText {
  readonly text: string;
  readonly ids: readonly number[];
  readonly ends: readonly number[];
  readonly counts: readonly number[];
}

/**
 * Encodes text stretch by stretch and remembers the ids. No token spans two stretches, and code repeats most of them, so
 * only those that are new have to be encoded: of a key, the one that it ends or extends. A text that begins like an earlier
 * one is not even split again up to where they differ.
 */
export class EncodingCache {
  private readonly known = new Map<string, readonly number[]>();
  private characters = 0;
  /** The latest first. */
  private readonly recent: EncodedText[] = [];
  private encoded = 0;

  /**
   * @param encodeStretch ids of a stretch
   * @param split the stretches of a text, which cover it
   */
  constructor(
    private readonly encodeStretch: (stretch: string) => readonly number[],
    private readonly split: PreTokenizer,
  ) {}

  /** Characters that were not remembered and had to be encoded, since the start. */
  get encodedCharacters(): number {
    return this.encoded;
  }

  encode(text: string): number[] {
    if (text.length < MIN_COMPARED || text.length > MAX_COMPARED) return this.append([], text);
    let [best, common] = [-1, 0];
    for (const [i, { text: earlier }] of this.recent.entries()) {
      const length = commonLength(text, earlier);
      if (length > common) [best, common] = [i, length];
    }
    const earlier = this.recent[best];
    const kept = earlier ? endsBefore(earlier.ends, lastSolid(text, common - MARGIN)) : 0;
    const ends = earlier?.ends.slice(0, kept) ?? [];
    const counts = earlier?.counts.slice(0, kept) ?? [];
    const ids = earlier?.ids.slice(0, counts.at(-1) ?? 0) ?? [];
    this.append(ids, text.slice(ends.at(-1) ?? 0), ends, counts);
    // The text that this one continues is of no more use: it is the same document before a key.
    if (best >= 0) this.recent.splice(best, 1);
    this.recent.unshift({ text, ids, ends, counts });
    this.recent.length = Math.min(this.recent.length, KEPT);
    return ids.slice();
  }

  private append(ids: number[], text: string, ends: number[] = [], counts: number[] = []): number[] {
    let end = ends.at(-1) ?? 0;
    for (const stretch of this.split(text)) {
      if (stretch.length <= MAX_WHOLE) for (const id of this.remembered(stretch)) ids.push(id);
      else for (const part of slices(stretch)) for (const id of this.remembered(part)) ids.push(id);
      end += stretch.length;
      ends.push(end);
      counts.push(ids.length);
    }
    return ids;
  }

  private remembered(stretch: string): readonly number[] {
    const known = this.known.get(stretch);
    if (known) return known;
    const ids = this.encodeStretch(stretch);
    this.encoded += stretch.length;
    if (this.known.size >= MAX_REMEMBERED || this.characters >= MAX_CHARACTERS) {
      this.known.clear();
      this.characters = 0;
    }
    this.characters += stretch.length;
    this.known.set(detached(stretch), ids);
    return ids;
  }
}

/** How many characters two texts have in common at their beginnings. */
function commonLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

/**
 * The last character before a place that is not blank: where a stretch ends before it does not depend on what comes long
 * after, because a pre-tokenizer looks past any number of blanks, and then at a few more characters.
 */
function lastSolid(text: string, before: number): number {
  let at = before - 1;
  while (at >= 0 && /\s|\u0085/.test(text.charAt(at))) at--;
  return at;
}

/** How many of the ascending numbers are at most `place`. */
function endsBefore(ends: readonly number[], place: number): number {
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] ?? 0) <= place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Slices of a long stretch; none ends within a surrogate pair. */
function slices(stretch: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < stretch.length;) {
    const isWithinPair = /^[\ud800-\udbff][\udc00-\udfff]/.test(stretch.slice(at + SLICE - 1, at + SLICE + 1));
    const next = at + SLICE + Number(isWithinPair);
    found.push(stretch.slice(at, next));
    at = next;
  }
  return found;
}
