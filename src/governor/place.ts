/** Where in the code the cursor stands, as far as it tells what the hand and the model are going to do. */
export const PLACES = [
  'block start',
  'line start',
  'after a dot',
  'word start',
  'inside a word',
  'deep in a word',
  'after a symbol',
  'statement end',
  'comment',
] as const;
export type CodePlace = (typeof PLACES)[number];

const COMMENT = /^\s*(\/\/|\/?\*|#(?!\w)|--\s)|\s\/\/\s/;
const OPENS_BLOCK = /([{([:]|=>)\s*$/;

/**
 * The place by the line before the cursor and the line before that; no text is kept.
 * @param lineBefore the last line above that is not blank
 */
export function codePlaceOf(linePrefix: string, lineBefore: string): CodePlace {
  if (COMMENT.test(linePrefix)) return 'comment';
  if (linePrefix.trim() === '') return OPENS_BLOCK.test(lineBefore) ? 'block start' : 'line start';
  const word = /[\w$]*$/.exec(linePrefix)?.[0] ?? '';
  if (word.length >= 3) return 'deep in a word';
  if (word !== '') return 'inside a word';
  if (linePrefix.endsWith('.')) return 'after a dot';
  if (/[;})\]]\s*$/.test(linePrefix)) return 'statement end';
  return /[\s([{]$/.test(linePrefix) ? 'word start' : 'after a symbol';
}

/** The place at the end of a text. */
export function codePlaceAt(prefix: string): CodePlace {
  const lineStart = prefix.lastIndexOf('\n') + 1;
  const above = prefix.slice(Math.max(0, lineStart - 1000), lineStart).trimEnd();
  return codePlaceOf(prefix.slice(lineStart), above.slice(above.lastIndexOf('\n') + 1));
}
