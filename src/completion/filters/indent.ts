import type { Cursor } from '../cursor';
import { indentation, leadingBlanks } from '../syntax/indentation';
import type { Filter } from './filter';

/** Lines before the cursor that show how the document is indented. */
const SAMPLE_LINES = 200;
const DEFAULT_UNIT = 4;
const OPENS = /(?:[{([:]|=>)\s*$/;

/** Tabs or spaces as in the document, and a first line no deeper than the line before it allows. */
export const indent: Filter = (cursor) => {
  const sample = cursor.prefix
    .split('\n')
    .slice(-SAMPLE_LINES)
    .filter((line) => /^[ \t]+\S/.test(line));
  const tabbed = sample.filter((line) => line.startsWith('\t')).length;
  const unit = unitOf(sample);
  const room = roomForBlanks(cursor, unit);
  const inStyle =
    sample.length === 0 ? undefined : tabbed * 2 > sample.length ? toTabs : (line: string) => toSpaces(line, unit);
  return (draft) => {
    const [first = '', ...rest] = draft.text.split('\n');
    const blanks = leadingBlanks(first);
    // The star of a comment is aligned, not indented.
    const fitted = first.startsWith(`${blanks}*`) ? first : blanks.slice(0, room) + first.slice(blanks.length);
    const unitOfText = unitFrom(cursor.linePrefix, first, rest);
    return { ...draft, text: [fitted, ...rest.map((line) => inStyle?.(line, unitOfText) ?? line)].join('\n') };
  };
};

/** Blanks in units of the text become tabs; what is left over aligns, as in a comment of several lines, and stays. */
function toTabs(line: string, unitOfText: number): string {
  const blanks = leadingBlanks(line);
  const columns = indentation(blanks.replaceAll('\t', ' '.repeat(unitOfText)));
  return '\t'.repeat(Math.floor(columns / unitOfText)) + ' '.repeat(columns % unitOfText) + line.slice(blanks.length);
}

function toSpaces(line: string, unit: number): string {
  const blanks = leadingBlanks(line);
  return blanks.replaceAll('\t', ' '.repeat(unit)) + line.slice(blanks.length);
}

/** What the text takes for one level: its line after one that opens a block is a level deeper than the cursor's. */
function unitFrom(linePrefix: string, first: string, [second = '', ...rest]: readonly string[]): number {
  const level = leadingBlanks(linePrefix).replaceAll(' ', '').length + 1;
  const perLevel = leadingBlanks(second).length / level;
  return OPENS.test(first) && second.startsWith(' ') && perLevel >= 2 && Number.isInteger(perLevel)
    ? perLevel
    : unitOf([second, ...rest]);
}

/** The smallest step by which lines are indented with spaces. */
function unitOf(lines: readonly string[]): number {
  const widths = lines.filter((line) => line.startsWith(' ')).map((line) => leadingBlanks(line).length);
  const steps = widths.map((width, i) => Math.abs(width - (widths[i - 1] ?? 0))).filter((step) => step > 1);
  return steps.length > 0 ? Math.min(...steps) : DEFAULT_UNIT;
}

/** Blanks that may still come before the first word of the cursor's line: one level more than the line above, if that opens one. */
function roomForBlanks({ prefix, linePrefix }: Cursor, unit: number): number {
  if (linePrefix.trim() !== '') return Infinity;
  const above = prefix
    .slice(0, prefix.length - linePrefix.length)
    .trimEnd()
    .split('\n')
    .at(-1);
  if (above === undefined || above.trim() === '') return Infinity;
  const usesTabs = above.startsWith('\t') || linePrefix.startsWith('\t');
  const level = leadingBlanks(above).length + (OPENS.test(above) ? (usesTabs ? 1 : unit) : 0);
  return Math.max(0, level - linePrefix.length);
}
