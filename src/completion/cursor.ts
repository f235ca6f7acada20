import type { TextKind } from '../workspace/textKinds';
import { blockEndByIndentation } from './syntax/indentation';

/** What a decode and its filters need to know of the place. */
export interface Cursor {
  /** Text before the cursor, from some place in the document on. */
  readonly prefix: string;
  /** Text after the cursor, up to some place in the document. */
  readonly suffix: string;
  /** The line before the cursor. */
  readonly linePrefix: string;
  /** The rest of the line after the cursor. */
  readonly lineSuffix: string;
  /** The text after the cursor's line. */
  readonly following: string;
  /** A block is wanted, not the rest of the line. */
  readonly multiline: boolean;
  readonly blockEnd: BlockEnd;
  /** How the document writes values. */
  readonly textKind: TextKind;
}

/**
 * Where the block ends that was to be written.
 * @param text what is written at the cursor so far
 * @param open more may come, so that the last line of `text` may be unfinished
 * @returns an offset in `text`, or undefined while the block goes on
 */
export type BlockEnd = (text: string, open: boolean) => number | undefined;

/** The cursor's surroundings, from the text before and after it. The block's end is judged by indentation where no syntax is given. */
export function cursorOf(
  prefix: string,
  suffix: string,
  multiline: boolean,
  blockEnd?: BlockEnd,
  textKind: TextKind = 'code',
): Cursor {
  const lineEnd = suffix.indexOf('\n');
  const linePrefix = prefix.slice(prefix.lastIndexOf('\n') + 1);
  return {
    prefix,
    suffix,
    linePrefix,
    lineSuffix: lineEnd < 0 ? suffix : suffix.slice(0, lineEnd),
    following: lineEnd < 0 ? '' : suffix.slice(lineEnd + 1),
    multiline,
    blockEnd: blockEnd ?? blockEndByIndentation(linePrefix),
    textKind,
  };
}
