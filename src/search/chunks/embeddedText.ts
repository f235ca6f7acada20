/**
 * The text of a chunk that the encoder reads: as in its training (`training/encoders/syntax.py`), the lines without what indents
 * all of them. Neither the path nor the name goes with it, so a file that is renamed or moved keeps its vectors.
 */
export function embeddedText(code: string): string {
  const lines = code.split('\n');
  const depths = lines.filter((line) => line.trim() !== '').map((line) => /^[\t ]*/.exec(line)?.[0].length ?? 0);
  const depth = Math.min(...depths);
  return depth > 0 && depth < Infinity ? lines.map((line) => line.slice(depth)).join('\n') : code;
}

/** The text of a query that the encoder reads. */
export function queryText(query: string): string {
  return query.trim().replace(/\s+/g, ' ').slice(0, 2000);
}
