import * as vscode from 'vscode';
import { documentPath } from '../prompt/path';
import { fileOf, notebookOf } from './files';
import type { Excerpt } from '../prompt/prompt';
import { EXCERPT_HEAD_CHARS, EXCERPT_PREFIX_CHARS, EXCERPT_SUFFIX_CHARS } from '../prompt/prompt';

/** Each cell begins on a line of its own. */
const BETWEEN_CELLS = '\n';

/**
 * The text around a cursor, as much as a prompt can hold, because documents may be huge. It is read from the document
 * alone, so untitled, remote and virtual documents work like files. A cell of a notebook continues the cells before it.
 * @param range the cursor, or the range that is replaced there
 * @param inserted the text that replaces it
 */
export function excerptAt(document: vscode.TextDocument, range: vscode.Range, inserted = ''): Excerpt {
  const start = document.positionAt(Math.max(0, document.offsetAt(range.start) - EXCERPT_PREFIX_CHARS));
  const end = document.positionAt(document.offsetAt(range.end) + EXCERPT_SUFFIX_CHARS);
  const own = {
    path: pathOf(document.uri, document.languageId),
    prefix: textOf(document, start, range.start) + inserted,
    prefixStart: document.offsetAt(start),
    suffix: textOf(document, range.end, end),
  };
  const cells = cellsAround(document);
  if (cells) return withCells(own, cells);
  if (own.prefixStart === 0) return own;
  return { ...own, head: textOf(document, new vscode.Position(0, 0), document.positionAt(EXCERPT_HEAD_CHARS)) };
}

/** A document's name in the prompt: its path from the project's root, with the extension of its language. */
export function pathOf(uri: vscode.Uri, languageId = ''): string {
  const file = fileOf(uri).with({ fragment: '', query: '' });
  return documentPath(vscode.workspace.asRelativePath(file, false), languageId);
}

/** With line ends as \n, whatever the document uses. */
export function textOf(document: vscode.TextDocument, from: vscode.Position, to: vscode.Position): string {
  return document.getText(new vscode.Range(from, to)).replaceAll('\r\n', '\n');
}

interface Cells {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** The cells of the same language around a cell, in order; undefined if the document is not a cell. */
function cellsAround(document: vscode.TextDocument): Cells | undefined {
  const cells = notebookOf(document.uri)?.getCells() ?? [];
  const index = cells.findIndex((cell) => cell.document === document);
  if (index < 0) return undefined;
  const textsOf = (some: readonly vscode.NotebookCell[]) =>
    some
      .filter((cell) => cell.document.languageId === document.languageId)
      .map((cell) => cell.document.getText().replaceAll('\r\n', '\n'));
  return { before: textsOf(cells.slice(0, index)), after: textsOf(cells.slice(index + 1)) };
}

function withCells(own: Excerpt, { before, after }: Cells): Excerpt {
  const joined = before.map((text) => text + BETWEEN_CELLS).join('');
  const following = after.map((text) => BETWEEN_CELLS + text).join('');
  const missing = Math.max(0, EXCERPT_PREFIX_CHARS - own.prefix.length);
  const above = own.prefixStart === 0 && missing > 0 ? joined.slice(-missing) : '';
  return {
    path: own.path,
    prefix: above + own.prefix,
    prefixStart: own.prefixStart + joined.length - above.length,
    suffix: (own.suffix + following).slice(0, EXCERPT_SUFFIX_CHARS),
    head: joined.slice(0, EXCERPT_HEAD_CHARS),
  };
}
