/** Stretches and lines up to this length are encoded whole, as in training. Almost no code has a longer stretch. */
const MAX_WHOLE = 256;
/** Longer ones, and lines, are encoded in pieces of about this many characters. */
const PIECE = 64;

/** Encoded pieces that are remembered: a few megabytes at the most. */
const MAX_REMEMBERED = 20_000;

/**
 * Encodes text piece by piece and remembers the pieces. A key therefore costs the encoding of one piece, however long the
 * line is. Pieces are cut from the start of a line, so appending changes only the last.
 */
export class EncodingCache {
  private readonly pieces = new Map<string, readonly number[]>();
  private encoded = 0;

  /**
   * @param encodePiece ids of a piece
   * @param stretches matches the stretches of a text: no token spans two, and none ends before a line feed
   */
  constructor(
    private readonly encodePiece: (piece: string) => readonly number[],
    private readonly stretches: RegExp,
  ) {}

  /** Characters that were not remembered and had to be encoded, since the start. */
  get encodedCharacters(): number {
    return this.encoded;
  }

  encode(text: string): number[] {
    const ids: number[] = [];
    for (const line of text.split(/(?=\n)/)) {
      for (const piece of line.length <= MAX_WHOLE ? [line] : this.cut(line)) {
        for (const id of this.remembered(piece)) ids.push(id);
      }
    }
    return ids;
  }

  /** Pieces of whole stretches, except for stretches that are too long themselves. */
  private cut(line: string): string[] {
    const pieces: string[] = [];
    let piece = '';
    const end = () => {
      if (piece !== '') pieces.push(piece);
      piece = '';
    };
    for (const stretch of line.match(this.stretches) ?? []) {
      if (stretch.length > MAX_WHOLE) {
        end();
        pieces.push(...slices(stretch));
        continue;
      }
      piece += stretch;
      if (piece.length >= PIECE) end();
    }
    end();
    return pieces;
  }

  private remembered(piece: string): readonly number[] {
    const known = this.pieces.get(piece);
    if (known) return known;
    const ids = piece === '' ? [] : this.encodePiece(piece);
    this.encoded += piece.length;
    if (this.pieces.size >= MAX_REMEMBERED) this.pieces.clear();
    this.pieces.set(piece, ids);
    return ids;
  }
}

/** Slices of a long stretch; none ends within a surrogate pair. */
function slices(stretch: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < stretch.length;) {
    const isWithinPair = /^[\ud800-\udbff][\udc00-\udfff]/.test(stretch.slice(at + PIECE - 1, at + PIECE + 1));
    const next = at + PIECE + Number(isWithinPair);
    found.push(stretch.slice(at, next));
    at = next;
  }
  return found;
}
