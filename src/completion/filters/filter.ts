import type { Cursor } from '../cursor';

/** The decoded text before it is shown. */
export interface Draft {
  readonly text: string;
  /** Number of characters after the cursor that the text replaces. */
  readonly replaces: number;
  /** More text may be decoded, so the last line may be unfinished. After a closed draft, no further text is shown. */
  readonly open: boolean;
  /** The decode ran out of tokens, so the last line is unfinished although no more text follows. */
  readonly isCut?: boolean;
}

/**
 * Reduces a draft to the part that may be shown. A filter that cuts an open draft closes it, which stops the decode.
 * Therefore it cuts only if no further text could bring back the removed part.
 */
export type Filter = (cursor: Cursor) => (draft: Draft) => Draft;

/** The draft up to an offset, closed. */
export function cutAt(draft: Draft, end: number): Draft {
  return { ...draft, text: draft.text.slice(0, end), open: false, isCut: false };
}

/** The lines of a draft that will not change any more. */
export function finishedLines({ text, open }: Draft): string[] {
  const lines = text.split('\n');
  return open ? lines.slice(0, -1) : lines;
}

/** The draft before a line, closed. @param line from 0; 0 leaves nothing */
export function cutBeforeLine(draft: Draft, line: number): Draft {
  return cutAt(draft, draft.text.split('\n').slice(0, line).join('\n').length);
}
