/** Time of a chunk, because an abort takes effect between two of them. */
const CHUNK_MS = 150;

/** Bounds of the tokens of a prompt that are read at once. */
export interface ChunkLimits {
  /** Fewer would not take less time. A larger chunk is a multiple of it. */
  readonly least: number;
  readonly most: number;
}

/** How many tokens of a prompt are read at once: as many as take CHUNK_MS, by the time of the last chunk, and at first the least. */
export class ChunkSize {
  private fitting = 0;

  constructor(private readonly limits: ChunkLimits) {}

  get tokens(): number {
    const { least, most } = this.limits;
    return Math.min(most, Math.max(least, least * Math.floor(this.fitting / least)));
  }

  /** The end of a prompt, if it is shorter than the least chunk, says nothing about the time of a token. */
  took(tokens: number, ms: number): void {
    if (tokens >= this.limits.least) this.fitting = (CHUNK_MS * tokens) / ms;
  }
}
