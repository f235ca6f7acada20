import {
  type Position,
  type Range,
  TextDocument,
  type TextDocumentContentChangeEvent,
} from 'vscode-languageserver-textdocument';
import type { LineChange } from '../../workspace/memory/editedLines';

/** An edit of a document, as the pipeline and the memory want it. Line ends are \n. */
export interface Edit {
  readonly inserted: string;
  /** Number of characters that it replaced. */
  readonly removedChars: number;
  /** The offset at which it ends, in the document after it. */
  readonly endOffset: number;
  readonly lines: LineChange;
}

/** Change a document, and say what was done one edit after the other. A whole text is compared with the old one. */
export function applyChanges(
  document: TextDocument,
  changes: readonly TextDocumentContentChangeEvent[],
  version: number,
): Edit[] {
  return changes.map((change) => {
    const exact = 'range' in change ? change : difference(document, change.text);
    const start = document.offsetAt(exact.range.start);
    const end = document.offsetAt(exact.range.end);
    const range = { start: document.positionAt(Math.min(start, end)), end: document.positionAt(Math.max(start, end)) };
    TextDocument.update(document, [{ range, text: exact.text }], version);
    const inserted = exact.text.replaceAll('\r\n', '\n');
    return {
      inserted,
      removedChars: Math.abs(end - start),
      endOffset: Math.min(start, end) + exact.text.length,
      lines: { first: range.start.line, last: range.end.line, lines: inserted.split('\n').length },
    };
  });
}

/** The one edit between a document and another text: clients without incremental synchronisation send all of it. */
function difference(document: TextDocument, text: string): { range: Range; text: string } {
  const old = document.getText();
  const most = Math.min(old.length, text.length);
  let start = 0;
  while (start < most && old[start] === text[start]) start++;
  let same = 0;
  while (same < most - start && old[old.length - 1 - same] === text[text.length - 1 - same]) same++;
  return {
    range: { start: document.positionAt(start), end: document.positionAt(old.length - same) },
    text: text.slice(start, text.length - same),
  };
}

/** A position that is in the document: past the end of a line or of the text, it is that end. */
export function within(document: TextDocument, { line, character }: Position): Position {
  return document.positionAt(document.offsetAt({ line: atLeast0(line), character: atLeast0(character) }));
}

function atLeast0(value: unknown): number {
  return Number.isInteger(value) ? Math.max(0, Number(value)) : 0;
}
