import { isClosingLine } from '../syntax/closers';
import { cutBeforeLine, type Filter, finishedLines } from './filter';

/** Lines after the cursor that are compared. */
const NEXT_LINES = 3;
/** Lines after the next one are compared only if they are this long, because short ones often repeat. */
const DISTINCT_CHARS = 10;

/** Cuts before the first line that also follows the cursor, with the same indentation. */
export const nextLines: Filter = (cursor) => {
  const following = cursor.following
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => /[\w)\]}>]/.test(line) || isClosingLine(line, cursor.languageId))
    .slice(0, NEXT_LINES)
    .filter((line, i) => i === 0 || line.trim().length > DISTINCT_CHARS);
  return (draft) => {
    const lines = finishedLines(draft).map((line, i) => (i === 0 ? cursor.linePrefix + line : line).trimEnd());
    const at = lines.findIndex((line) => following.includes(line));
    return at < 0 ? draft : cutBeforeLine(draft, at);
  };
};
