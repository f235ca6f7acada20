import { OPENS_BLOCK } from '../../governor/place';
import type { Cursor } from '../cursor';
import { indentation, leadingBlanks } from '../syntax/indentation';
import { columnsOf, type Columns, type Level, levelsAt } from './level';
import type { Filter } from './filter';

/** Lines before and after the cursor that show how the document is indented. */
const SAMPLE_LINES = 200;
const LINES_AFTER = 50;
const DEFAULT_UNIT = 4;
/** Good enough in every language for the lines of one short text. */
const OPENS_BLOCK_OR_CLAUSE = new RegExp(`${OPENS_BLOCK.source}|\\b(?:then|do|else)\\s*$`);
const CLOSES_BLOCK = /^\s*(?:[)\]}]|<\/|(?:fi|done|esac|end|else|elif|elsif|except|finally|catch)\b)/;

/** How a document is indented. */
interface Style extends Columns {
  readonly tabs: boolean;
  /** The document shows it. If not, the style is the editor's setting, and the levels of the text are converted to it. */
  readonly isShown: boolean;
}

/** Indents like the document, or else like the editor, and moves the first line to a level that the lines above allow. */
export const indent: Filter = (cursor) => {
  const style = styleOf(cursor);
  const beginsLine = cursor.linePrefix.trim() === '';
  const levelsInStyle = style && beginsLine ? levelsAt(cursor, style) : undefined;
  return (draft) => {
    const lines = draft.text.split('\n');
    const [first = '', ...rest] = lines;
    const unitOfText = unitFrom(cursor.linePrefix, first, rest);
    const inStyle = rest.map((line) => (style ? fitted(line, style, unitOfText) : line));
    const words = first.trimStart();
    if (!beginsLine || words === '') return { ...draft, text: [first, ...inStyle].join('\n') };
    const columns = style ?? columnsFrom(first);
    const written = columnsOf(cursor.linePrefix + first, columns);
    const level = (levelsInStyle ?? levelsAt(cursor, columns))(words, written);
    if (!level) return { ...draft, text: [first, ...inStyle].join('\n') };
    const start = columnsOf(cursor.linePrefix, columns);
    const column = Math.max(start, Math.min(Math.max(written, level.least), level.most));
    const blanks =
      column === written && column > start
        ? leadingBlanks(first)
        : blanksTo(column, start, style ?? { ...columns, tabs: cursor.linePrefix.includes('\t'), isShown: false });
    const shifted = shift(words, inStyle, written, column, level, columns);
    return { ...draft, text: [blanks + words, ...shifted].join('\n') };
  };
};

/** If neither the document nor the editor shows a level, that of the text is used. */
function columnsFrom(first: string): Columns {
  const blanks = leadingBlanks(first);
  return { unit: blanks.startsWith(' ') ? Math.max(2, blanks.length) : DEFAULT_UNIT, tab: DEFAULT_UNIT };
}

/** The style of the lines around the cursor, or else the editor's; undefined if there is neither. */
function styleOf({ prefix, linePrefix, following, indent: editor }: Cursor): Style | undefined {
  const shown = [...prefix.split('\n').slice(-SAMPLE_LINES), ...following.split('\n').slice(0, LINES_AFTER)];
  // The star of a comment is aligned, not indented. The cursor's own line may have only its blanks so far.
  const sample = shown.filter((line) => /^[ \t]+[^\s*]/.test(line) || (line === linePrefix && /^[ \t]+$/.test(line)));
  const tab = editor?.tabSize ?? DEFAULT_UNIT;
  if (sample.length === 0) {
    return editor && { tabs: !editor.insertSpaces, unit: editor.tabSize, tab, isShown: false };
  }
  const tabbed = sample.filter((line) => line.startsWith('\t')).length;
  const tabs = tabbed * 2 > sample.length;
  return { tabs, unit: tabs ? tab : unitOf(sample), tab, isShown: true };
}

/** A line of the text, indented in a style. */
function fitted(line: string, style: Style, unitOfText: number): string {
  const blanks = leadingBlanks(line);
  if (style.tabs) {
    // The remainder is alignment, as in a comment of several lines, and stays.
    const columns = indentation(blanks.replaceAll('\t', ' '.repeat(unitOfText)));
    return '\t'.repeat(Math.floor(columns / unitOfText)) + ' '.repeat(columns % unitOfText) + line.slice(blanks.length);
  }
  const spaces = blanks.replaceAll('\t', ' '.repeat(style.isShown ? style.unit : unitOfText)).length;
  const left = spaces % unitOfText;
  const columns = style.isShown ? spaces : ((spaces - left) / unitOfText) * style.unit + left;
  return ' '.repeat(columns) + line.slice(blanks.length);
}

function blanksTo(column: number, start: number, { tabs, tab }: Style): string {
  const missing = Math.max(0, column - start);
  if (!tabs) return ' '.repeat(missing);
  return '\t'.repeat(Math.floor(missing / tab)) + ' '.repeat(missing % tab);
}

/** Moves the lines that belong to the first one with it. */
function shift(
  first: string,
  rest: readonly string[],
  written: number,
  column: number,
  { single }: Level,
  columns: Columns,
): readonly string[] {
  const by = column - written;
  const next = rest.find((line) => line.trim() !== '');
  if (by === 0 || next === undefined) return rest;
  const at = columnsOf(next, columns);
  const isChild = OPENS_BLOCK.test(first) && at > written && at !== column + columns.unit;
  const isSibling = at === written && !single && !next.trim().startsWith('- ');
  if (!isChild && !isSibling) return rest;
  let blocks = Number(OPENS_BLOCK_OR_CLAUSE.test(first));
  const end = rest.findIndex((line) => {
    const here = columnsOf(line, columns);
    if (line.trim() === '' || here > written) return false;
    const closes = CLOSES_BLOCK.test(line);
    if (here < written || /^\s*- /.test(line) || (closes ? blocks === 0 : single)) return true;
    blocks += Number(OPENS_BLOCK_OR_CLAUSE.test(line)) - Number(closes);
    return false;
  });
  return rest.map((line, i) => ((end >= 0 && i >= end) || line.trim() === '' ? line : moved(line, by, columns)));
}

function moved(line: string, by: number, columns: Columns): string {
  const blanks = leadingBlanks(line);
  const column = Math.max(0, columnsOf(line, columns) + by);
  const tabs = blanks.includes('\t');
  return (
    (tabs ? '\t'.repeat(Math.floor(column / columns.tab)) + ' '.repeat(column % columns.tab) : ' '.repeat(column)) +
    line.slice(blanks.length)
  );
}

/** The text's own level: a line after one that opens a block is a level deeper than the cursor's line. */
function unitFrom(linePrefix: string, first: string, [second = '', ...rest]: readonly string[]): number {
  const level = leadingBlanks(linePrefix).replaceAll(' ', '').length + 1;
  const perLevel = leadingBlanks(second).length / level;
  return OPENS_BLOCK.test(first) && second.startsWith(' ') && perLevel >= 2 && Number.isInteger(perLevel)
    ? perLevel
    : unitOf([second, ...rest]);
}

/** The smallest step by which lines are indented with spaces. */
function unitOf(lines: readonly string[]): number {
  const widths = lines.filter((line) => line.startsWith(' ')).map((line) => leadingBlanks(line).length);
  const steps = widths.map((width, i) => Math.abs(width - (widths[i - 1] ?? 0))).filter((step) => step > 1);
  return steps.length > 0 ? Math.min(...steps) : DEFAULT_UNIT;
}
