import type { InlineCompletionContext, InlineCompletionItem, Position, Range } from 'vscode-languageserver/node';
import { InlineCompletionTriggerKind } from 'vscode-languageserver/node';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import type { Suggestion } from '../../completion/outcome';
import { EXCERPT_HEAD_CHARS, EXCERPT_PREFIX_CHARS, EXCERPT_SUFFIX_CHARS } from '../../completion/prompt/prompt';
import type { CompletionRequest } from '../../completion/request';
import { within } from './documents';

/** The part of a request that a document and a position tell. */
export type TextAround = Pick<
  CompletionRequest,
  'prefix' | 'prefixStart' | 'head' | 'suffix' | 'lineSuffix' | 'lineLength' | 'explicit'
>;

/** The text around a cursor, and the place of what is inserted there. */
export interface Target {
  readonly around: TextAround;
  /** The cursor, in the document. */
  readonly position: Position;
  /** The range that the text replaces, without brackets after the cursor. */
  readonly range: Range;
  /** The beginning of the text: the selected item of the completion menu; empty if none is selected. */
  readonly lead: string;
}

/** The document at a position, or as it would be with the selected item of the completion menu. */
export function targetAt(document: TextDocument, at: Position, context: Partial<InlineCompletionContext>): Target {
  const position = within(document, at);
  const selected = context.selectedCompletionInfo;
  const fits = selected !== undefined && isOnLine(document, selected.range, position) && !/[\r\n]/.test(selected.text);
  const range = fits ? selected.range : { start: position, end: position };
  const lead = fits ? selected.text : '';
  const [start, end] = [document.offsetAt(range.start), document.offsetAt(range.end)];
  const prefixStart = Math.max(0, start - EXCERPT_PREFIX_CHARS);
  const textIn = (from: number, to: number) =>
    document.getText({ start: document.positionAt(from), end: document.positionAt(to) }).replaceAll('\r\n', '\n');
  const line = document.getText({
    start: { line: position.line, character: 0 },
    end: { line: position.line + 1, character: 0 },
  });
  const lineLength = line.replace(/\r?\n$/, '').length;
  const suffix = textIn(end, end + EXCERPT_SUFFIX_CHARS);
  return {
    around: {
      prefix: textIn(prefixStart, start) + lead,
      prefixStart,
      ...(prefixStart > 0 ? { head: textIn(0, EXCERPT_HEAD_CHARS) } : {}),
      suffix,
      lineSuffix: suffix.split('\n', 1)[0] ?? '',
      lineLength,
      explicit: context.triggerKind === InlineCompletionTriggerKind.Invoked,
    },
    ...{ position, range, lead },
  };
}

function isOnLine(document: TextDocument, { start, end }: Range, { line, character }: Position): boolean {
  const isHere = start.line === line && end.line === line && start.character <= character && character <= end.character;
  return isHere && document.offsetAt(start) <= document.offsetAt(end);
}

export function itemOf({ text, replaces }: Suggestion, { range, lead }: Target): InlineCompletionItem {
  const { start, end } = range;
  return {
    insertText: lead + text,
    range: { start, end: { line: end.line, character: end.character + replaces } },
  };
}
