/** Kinds of places in code at which pauses and right suggestions differ in frequency. */
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

/** The properties of a cursor on which expectations depend. */
export interface CursorContext {
  readonly place: CodePlace;
  /** The text before the cursor occurs elsewhere in the document too, with a continuation that may be repeated. */
  readonly seen: boolean;
  /** The text typed on this line diverged from the model's last output. */
  readonly diverged: boolean;
}

/** The context of a cursor of which only the place is known. */
export function cursorContextAt(place: CodePlace): CursorContext {
  return { place, seen: false, diverged: false };
}

/** Number of characters before the cursor that have to occur elsewhere. */
const SEEN_CHARS = 16;

const COMMENT = /^\s*(\/\/|\/?\*|#(?!\w)|--\s)|\s\/\/\s/;
/** A line that opens a block or a bracket. */
export const OPENS_BLOCK = /(?:[{([:]|=>)\s*$/;

/** @param lineBefore the last line above that is not blank */
function codePlaceOf(linePrefix: string, lineBefore: string): CodePlace {
  if (COMMENT.test(linePrefix)) return 'comment';
  if (linePrefix.trim() === '') return OPENS_BLOCK.test(lineBefore) ? 'block start' : 'line start';
  const word = /(?<![\w$])[\w$]*$/.exec(linePrefix)?.[0] ?? '';
  if (word.length >= 3) return 'deep in a word';
  if (word !== '') return 'inside a word';
  if (linePrefix.endsWith('.')) return 'after a dot';
  if (/[;})\]]\s*$/.test(linePrefix)) return 'statement end';
  return /[\s([{]$/.test(linePrefix) ? 'word start' : 'after a symbol';
}

/** Whether the end of a prefix occurs a second time in it, or in the suffix. */
export function isSeen(prefix: string, suffix: string): boolean {
  const end = prefix.slice(-SEEN_CHARS);
  if (end.length < SEEN_CHARS) return false;
  return prefix.lastIndexOf(end, prefix.length - SEEN_CHARS - 1) >= 0 || suffix.includes(end);
}

/** The place at the end of a prefix. */
export function codePlaceAt(prefix: string): CodePlace {
  const lineStart = prefix.lastIndexOf('\n') + 1;
  const above = prefix.slice(Math.max(0, lineStart - 1000), lineStart).trimEnd();
  return codePlaceOf(prefix.slice(lineStart), above.slice(above.lastIndexOf('\n') + 1));
}
