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

/** The cursor's place in the code, and how the model fares there. */
export interface CursorContext {
  readonly place: CodePlace;
  /** The text before the cursor stands somewhere else too: how it went on there is known. */
  readonly seen: boolean;
  /** The text typed on this line diverged from what the model wrote last. */
  readonly diverged: boolean;
}

/** The context of a cursor of which only the place is known. */
export function cursorContextAt(place: CodePlace): CursorContext {
  return { place, seen: false, diverged: false };
}

/** Of the text before the cursor, what has to stand somewhere else. */
const SEEN_CHARS = 16;

const COMMENT = /^\s*(\/\/|\/?\*|#(?!\w)|--\s)|\s\/\/\s/;
/**
 * A line after which a block is likely to start, in any language. What was learnt is kept by place, so this does not follow
 * the rules by which completions are indented.
 */
const BEFORE_BLOCK_START = /([{([:]|=>)\s*$/;

/**
 * The place by the line before the cursor and the line before that; no text is kept.
 * @param lineBefore the last line above that is not blank
 */
function codePlaceOf(linePrefix: string, lineBefore: string): CodePlace {
  if (COMMENT.test(linePrefix)) return 'comment';
  if (linePrefix.trim() === '') return BEFORE_BLOCK_START.test(lineBefore) ? 'block start' : 'line start';
  const word = /[\w$]*$/.exec(linePrefix)?.[0] ?? '';
  if (word.length >= 3) return 'deep in a word';
  if (word !== '') return 'inside a word';
  if (linePrefix.endsWith('.')) return 'after a dot';
  if (/[;})\]]\s*$/.test(linePrefix)) return 'statement end';
  return /[\s([{]$/.test(linePrefix) ? 'word start' : 'after a symbol';
}

/** Whether the end of a text stands once more in it, or in what follows it. */
export function isSeen(prefix: string, suffix: string): boolean {
  const end = prefix.slice(-SEEN_CHARS);
  if (end.length < SEEN_CHARS) return false;
  return prefix.lastIndexOf(end, prefix.length - SEEN_CHARS - 1) >= 0 || suffix.includes(end);
}

/** The place at the end of a text. */
export function codePlaceAt(prefix: string): CodePlace {
  const lineStart = prefix.lastIndexOf('\n') + 1;
  const above = prefix.slice(Math.max(0, lineStart - 1000), lineStart).trimEnd();
  return codePlaceOf(prefix.slice(lineStart), above.slice(above.lastIndexOf('\n') + 1));
}
