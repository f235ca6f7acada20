/** Stretches up to this length are encoded whole, as in training. Almost no code has a longer one. */
const MAX_WHOLE = 256;
/** Longer ones are encoded in slices of about this many characters. */
const SLICE = 64;

/** Encoded stretches that are remembered: a few megabytes at the most. */
const MAX_REMEMBERED = 20_000;

/**
 * Encodes text stretch by stretch and remembers the ids. No token spans two stretches, and code repeats most of them, so
 * only those that are new have to be encoded: of a key, the one that it ends or extends.
 */
export class EncodingCache {
  private readonly known = new Map<string, readonly number[]>();
  private encoded = 0;

  /**
   * @param encodeStretch ids of a stretch
   * @param stretches matches the stretches of a text, which cover it
   */
  constructor(
    private readonly encodeStretch: (stretch: string) => readonly number[],
    private readonly stretches: RegExp,
  ) {}

  /** Characters that were not remembered and had to be encoded, since the start. */
  get encodedCharacters(): number {
    return this.encoded;
  }

  encode(text: string): number[] {
    const ids: number[] = [];
    for (const stretch of text.match(this.stretches) ?? []) {
      for (const part of stretch.length <= MAX_WHOLE ? [stretch] : slices(stretch)) {
        for (const id of this.remembered(part)) ids.push(id);
      }
    }
    return ids;
  }

  private remembered(stretch: string): readonly number[] {
    const known = this.known.get(stretch);
    if (known) return known;
    const ids = this.encodeStretch(stretch);
    this.encoded += stretch.length;
    if (this.known.size >= MAX_REMEMBERED) this.known.clear();
    this.known.set(copied(stretch), ids);
    return ids;
  }
}

/** A copy of its own: a part of a text may be a view that keeps the whole text in memory. */
function copied(part: string): string {
  return Buffer.from(part, 'utf16le').toString('utf16le');
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
