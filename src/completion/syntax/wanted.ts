/** The wanted block: the body around the cursor, the body of the head before it, or the statement that begins there. */
export type Wanted = 'body' | 'head' | 'statement';

/**
 * The end of the wanted block.
 * @param text the text at the cursor so far
 * @param open more text may follow, so the last line of `text` may be unfinished
 * @returns an offset in `text`, or undefined if the block has not ended
 */
export type BlockEnd = (text: string, open: boolean) => number | undefined;
