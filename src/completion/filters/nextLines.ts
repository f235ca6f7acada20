import { isClosingLine } from '../syntax/closers';
import { cutBeforeLine, type Filter, finishedLines } from './filter';

/** So many lines after the cursor are looked at. */
const NEXT_LINES = 3;
/** Of the lines after the next, only those that hardly stand twice in a row. */
const DISTINCT_CHARS = 10;

/** Nothing from the line on that stands after the cursor already, indented alike. */
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
