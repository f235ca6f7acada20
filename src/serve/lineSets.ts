/** Lines at each side of the cursor by which a document is recognised. */
const LINES = 100;
/** Shorter lines, such as a bracket alone, are in every document. */
const MIN_CHARS = 6;
/** The share of common lines among all lines of two excerpts from which on they are of one document. */
const SAME_SHARE = 0.5;

/** The lines around a cursor without its own, which changes with each key. */
export function linesAround(prefix: string, suffix: string): ReadonlySet<string> {
  const before = prefix.split('\n').slice(-LINES - 1, -1);
  const after = suffix.split('\n', LINES + 1).slice(1);
  return new Set([...before, ...after].map((line) => line.trim()).filter((line) => line.length >= MIN_CHARS));
}

/** Whether two excerpts are probably of one document, between which little was typed and the cursor moved little. */
export function isSameDocument(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  let common = 0;
  for (const line of a) if (b.has(line)) common++;
  return common > 0 && common / (a.size + b.size - common) >= SAME_SHARE;
}
