/** Shorter lines are in many files. */
const MIN_CHARS = 12;
/** Of all lines, one in so many is kept, by its hash. */
const SAMPLED = 4;
/** About 20 MB. */
const MAX_LINES = 500_000;
/** A text is from a file if it shares so many kept lines with it, and no more than half as many with any other. */
const MIN_SHARED = 3;
const SEVERAL = -1;

/**
 * Finds the file that an excerpt is from, by lines that only one file has. Clients of HTTP do not name the file that they
 * complete in.
 */
export class FileFinder {
  private readonly paths: string[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly fileOfLine = new Map<number, number>();

  /** A file has this text. Lines of an earlier text stay: an excerpt has many lines, and few of them are old. */
  add(path: string, text: string): void {
    const number = this.numberOf(path);
    for (const hash of hashesOf(text)) {
      const known = this.fileOfLine.get(hash);
      if (known === undefined && this.fileOfLine.size >= MAX_LINES) return;
      this.fileOfLine.set(hash, known === undefined || known === number ? number : SEVERAL);
    }
  }

  /** @returns undefined if no file has enough of its lines */
  find(text: string): string | undefined {
    const votes = new Map<number, number>();
    for (const hash of hashesOf(text)) {
      const number = this.fileOfLine.get(hash);
      if (number !== undefined && number !== SEVERAL) votes.set(number, (votes.get(number) ?? 0) + 1);
    }
    const [best, second] = [...votes].sort(([, a], [, b]) => b - a);
    if (!best || best[1] < MIN_SHARED || (second?.[1] ?? 0) * 2 > best[1]) return undefined;
    return this.paths[best[0]];
  }

  private numberOf(path: string): number {
    const known = this.numbers.get(path);
    if (known !== undefined) return known;
    const number = this.paths.push(path) - 1;
    this.numbers.set(path, number);
    return number;
  }
}

function hashesOf(text: string): Set<number> {
  const hashes = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.length >= MIN_CHARS)
    .map(hashOf);
  // The low bits of this hash depend on the low bits of the characters alone.
  return new Set(hashes.filter((hash) => (hash >>> 16) % SAMPLED === 0));
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
