import type { Cursor } from '../cursor';
import { unmatched } from '../syntax/brackets';
import { leadingBlanks } from '../syntax/indentation';
import { type LineRules, lineRulesOf, OPEN_TAG } from '../syntax/lineRules';
import type { Open } from '../syntax/reader';

/** The columns at which a line may begin. */
export interface Level {
  readonly least: number;
  readonly most: number;
  /** Only one statement stands at this level; the next one is back at the level of its head. */
  readonly single?: true;
}

/** Columns of one level, and of a tab. */
export interface Columns {
  readonly unit: number;
  readonly tab: number;
}

/** The level of a line that begins at the cursor, from its first words and the column at which it was written. */
export type LevelOf = (first: string, written: number) => Level | undefined;

/** Lines above that are searched for the indentation of continuation lines. */
const SAMPLE_LINES = 200;

/** Blanks of a line in columns. */
export function columnsOf(line: string, { tab }: Columns): number {
  let columns = 0;
  for (const blank of leadingBlanks(line))
    columns = blank === '\t' ? (Math.floor(columns / tab) + 1) * tab : columns + 1;
  return columns;
}

/** A line above the cursor's. */
interface CodeLine {
  readonly index: number;
  /** Without strings, comments and blanks around. */
  readonly code: string;
  readonly column: number;
}

/** The levels allowed for a line at the cursor, from the lines above it. A level is undefined if they do not limit it. */
export function levelsAt(cursor: Cursor, columns: Columns): LevelOf {
  const { languageId, lexicon, before, prefix } = cursor;
  const rows = prefix.split('\n').slice(0, -1);
  const lastRow = rows.findLastIndex((row) => row.trim() !== '');
  const last = rows[lastRow];
  // Lines with tabs and spaces are aligned, so they show no levels.
  if (last === undefined || /^ *\t+ /.test(last)) return () => undefined;
  const own = columnsOf(last, columns);
  if (isYaml(languageId)) return (first, written) => yamlLevel(first, written, rows, columns);
  if (cursor.isWithinText && lexicon.kind === 'code' && !readsMarkup(before.open.at(-1))) {
    const isComment = before.open.at(-1)?.mode.reads === 'comment';
    // The star of a comment is aligned, not indented.
    return (first) => (isComment && !first.startsWith('*') ? { least: 0, most: own + 1 } : undefined);
  }
  const rules = lineRulesOf(languageId, lexicon.kind);
  if (!rules) return () => ({ least: 0, most: own + columns.unit });
  const lines = codeLines(before.code, rows.slice(0, lastRow + 1), columns);
  const above = lines.at(-1);
  if (!above) return () => ({ least: 0, most: own });
  return levelsBelow(cursor, rules, lines, above, own, columns);
}

function codeLines(code: string, rows: readonly string[], columns: Columns): CodeLine[] {
  const codes = code.split('\n');
  return rows
    .map((row, index) => ({
      index,
      code: (codes[index] ?? '').slice(leadingBlanks(row).length).trimEnd(),
      column: columnsOf(row, columns),
    }))
    .filter((line) => line.code.trim() !== '')
    .slice(-SAMPLE_LINES);
}

function levelsBelow(
  cursor: Cursor,
  rules: LineRules,
  lines: readonly CodeLine[],
  above: CodeLine,
  own: number,
  columns: Columns,
): LevelOf {
  const { unit } = columns;
  const isMarkup = cursor.lexicon.kind === 'markup';
  const head = headOf(lines, above);
  const statement = statementOf(lines, head, rules);
  const within = cursor.before.open.at(-1)?.opener;
  const isTag = cursor.languageId.endsWith('react') && OPEN_TAG.test(above.code);
  const isBraceless = rules.bracelessHead?.test(codeFrom(lines, head, above)) === true;
  const opens = rules.opens.test(above.code) || isBraceless || isTag;
  const continuation = continuationOf(lines, rules, columns);
  const goesOn = rules.goesOn?.test(above.code) === true;
  const alreadyGoesOn = rules.continues?.test(above.code) === true || isContinued(lines, above, rules);
  const isWithinBrackets = within === '(' || within === '[';
  const aligned = alignedColumn(above);

  return (first) => {
    const dedents = rules.dedents.test(first);
    if (opens) {
      if (dedents) return { least: 0, most: head.column + unit };
      const isLoose = isMarkup || isTag || /^(?:namespace|extern|module)\b/.test(head.code);
      const most = /[([]$/.test(above.code) ? head.column + 2 * unit : head.column + unit;
      return {
        least: isLoose ? 0 : head.column + unit,
        most: isLoose ? above.column + unit : most,
        ...(isBraceless ? { single: true } : {}),
      };
    }
    if (dedents) return { least: 0, most: own };
    const continues = isWithinBrackets ? (rules.continuesInBrackets ?? rules.continues) : rules.continues;
    if (continues?.test(first)) {
      if (continues.test(above.code)) return { least: above.column, most: above.column };
      const deeper = statement.column + continuation;
      const isLoose = isWithinBrackets || /^[})\]]/.test(above.code) || rules.ends?.test(above.code) === true;
      return { least: isLoose ? 0 : deeper, most: Math.max(deeper, aligned ?? 0, own, queryColumn(above) ?? 0) };
    }
    if (aligned !== undefined) return { least: 0, most: Math.max(aligned, own + 2 * unit) };
    if (goesOn) {
      if (alreadyGoesOn) return { least: 0, most: own };
      return { least: isWithinBrackets ? 0 : own + continuation, most: own + Math.max(continuation, 2 * unit) };
    }
    if (rules.ends?.test(above.code) && !isWithinBrackets) {
      return { least: 0, most: Math.min(own, afterBraceless(lines, statement, rules)) };
    }
    const most = rules.ends || isMarkup ? own : Math.max(own, statement.column);
    return { least: 0, most: lineRulesKnown(cursor) ? most : own + unit };
  };
}

function lineRulesKnown({ languageId, lexicon }: Cursor): boolean {
  return lineRulesOf(languageId, lexicon.kind) !== lineRulesOf('', 'code');
}

/** The line that opened the brackets which `from` closes. */
function headOf(lines: readonly CodeLine[], from: CodeLine): CodeLine {
  if (/^[})\]]/.test(from.code)) return from;
  let depth = 0;
  for (let i = lines.indexOf(from); i >= 0; i--) {
    const line = lines[i];
    if (!line) break;
    const { openers, closers } = unmatched(line.code);
    // The brackets that `from` itself opens are still open.
    depth = (line === from ? 0 : Math.max(0, depth - openers.length)) + closers.length;
    if (depth === 0) return line;
  }
  return from;
}

/** The first line of the statement that a line continues. */
function statementOf(lines: readonly CodeLine[], head: CodeLine, rules: LineRules): CodeLine {
  let line = head;
  for (let i = lines.indexOf(line); i > 0 && isContinued(lines, line, rules); i = lines.indexOf(line)) {
    const previous = lines[i - 1];
    if (!previous || previous.column > line.column) break;
    line = headOf(lines, previous);
  }
  return line;
}

/** A line continues the one before it. */
function isContinued(lines: readonly CodeLine[], line: CodeLine, rules: LineRules): boolean {
  const previous = lines[lines.indexOf(line) - 1];
  if (!previous || rules.opens.test(previous.code)) return false;
  return rules.continues?.test(line.code) === true || rules.goesOn?.test(previous.code) === true;
}

function codeFrom(lines: readonly CodeLine[], head: CodeLine, last: CodeLine): string {
  return lines
    .slice(lines.indexOf(head), lines.indexOf(last) + 1)
    .map(({ code }) => code)
    .join(' ');
}

/** After a body without brackets, statements are back at the level of its head. */
function afterBraceless(lines: readonly CodeLine[], statement: CodeLine, rules: LineRules): number {
  let { column } = statement;
  for (let i = lines.indexOf(statement) - 1; i >= 0; i--) {
    const line = lines[i];
    if (line === undefined || line.column >= column || rules.bracelessHead?.test(line.code) !== true) break;
    column = line.column;
  }
  return column;
}

/** Columns by which the document indents a continuation line. */
function continuationOf(lines: readonly CodeLine[], rules: LineRules, { unit }: Columns): number {
  const { continues, continuationLevels } = rules;
  const shown = lines.map((line, i) => {
    const previous = lines[i - 1];
    const goesOn = previous?.index === line.index - 1 && continues?.test(line.code) === true;
    return goesOn && !continues.test(previous.code) ? line.column - previous.column : 0;
  });
  return shown.findLast((deeper) => deeper > 0 && deeper <= 3 * unit) ?? continuationLevels * unit;
}

/** The column behind a bracket that a line opens and continues in: the next line may be aligned with it. */
function alignedColumn({ code, column }: CodeLine): number | undefined {
  const last = unmatched(code).openers.at(-1);
  return last && last.offset < code.length - 1 ? column + last.offset + 1 : undefined;
}

/** The column of a query within a line, with which its clauses are aligned. */
function queryColumn({ code, column }: CodeLine): number | undefined {
  const at = code.search(/\bfrom \w+ in\b/);
  return at < 0 ? undefined : column + at;
}

const YAML = new Set(['yaml', 'dockercompose', 'github-actions-workflow']);

/** The text is no code, but its lines are indented by the rules of the language. */
function readsMarkup(open: Open | undefined): boolean {
  return open?.mode.reads === 'markup' || open?.mode.reads === 'outside';
}

function isYaml(languageId: string): boolean {
  return YAML.has(languageId);
}

/** YAML: keys align with the keys of an item or a mapping above, or stand a level deeper if the last key has no value yet. */
function yamlLevel(first: string, written: number, rows: readonly string[], columns: Columns): Level {
  const [last, ...outer] = rowsAround(rows, columns);
  if (!last) return { least: 0, most: 0 };
  const isItem = /^-(?: |$)/.test(first);
  const isKey = /^[\w"'.$/-]+\s*:(?:\s|$)/.test(first);
  if (last.opens) return { least: isItem ? last.keys : last.keys + columns.unit, most: last.keys + columns.unit };
  if (last.keys > last.column && last.isEmpty) return { least: last.keys, most: last.keys };
  if (isItem || !isKey) return { least: 0, most: last.keys };
  // A key at the column of a dash would end the list in the middle of an item.
  const fitting = [last, ...outer].map(({ keys }) => keys).filter((keys) => keys >= written);
  const column = fitting.length > 0 ? Math.min(...fitting) : last.keys;
  return { least: column, most: column };
}

interface YamlRow {
  readonly column: number;
  /** The column of its keys, behind the dashes. */
  readonly keys: number;
  /** Its value has not been written yet. */
  readonly opens: boolean;
  /** Nothing stands behind its dash. */
  readonly isEmpty: boolean;
}

/** The last row and the rows that enclose it, innermost first. */
function rowsAround(rows: readonly string[], columns: Columns): YamlRow[] {
  const around: YamlRow[] = [];
  for (const row of rows.toReversed()) {
    const column = columnsOf(row, columns);
    if (row.trim() === '' || /^\s*#/.test(row) || column >= (around.at(-1)?.column ?? Infinity)) continue;
    const [, dashes = '', content = ''] = /^\s*((?:-(?: +|$))*)(.*)$/.exec(row) ?? [];
    around.push({
      column,
      keys: column + Math.max(dashes.length, dashes === '' ? 0 : 2),
      opens: /:\s*(?:[|>][-+\d]*\s*|&\w+\s*|#.*)?$/.test(content),
      isEmpty: content.trim() === '',
    });
  }
  return around;
}
