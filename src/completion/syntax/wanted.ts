/** Which block: the body around the cursor, the body of the head before it, or the statement that begins there. */
export type Wanted = 'body' | 'head' | 'statement';

/**
 * Where the block ends that was to be written.
 * @param text what is written at the cursor so far
 * @param open more may come, so that the last line of `text` may be unfinished
 * @returns an offset in `text`, or undefined while the block goes on
 */
export type BlockEnd = (text: string, open: boolean) => number | undefined;
