import type { Node } from 'web-tree-sitter';
import type { Grammar } from './grammars';
import { indentation } from './indentation';
import { ancestor, isBlock, isTag, nodeAt } from './tree';
import type { BlockEnd, Wanted } from './wanted';

/** Statements that may continue after their body on a line of their own, as with `else`. */
const GOES_ON = new Set(['if_statement', 'if_expression', 'try_statement', 'do_statement']);

/** The end of a block, by the syntax tree of the text before the cursor and the text so far. */
export function blockEnd(grammar: Grammar, prefix: string, wanted: Wanted): BlockEnd {
  const indent = indentation(prefix.slice(prefix.lastIndexOf('\n') + 1));
  let last: { readonly finished: string; readonly end: number | undefined } | undefined;
  return (text, open) => {
    const finished = open ? text.slice(0, text.lastIndexOf('\n') + 1) : text;
    if (last?.finished !== finished) last = { finished, end: endIn(finished) };
    return last.end;
  };

  function endIn(finished: string): number | undefined {
    const first = finished.search(/\S/);
    // Nothing ends before its first word.
    if (first < 0) return undefined;
    const ends = [
      endOf[wanted](grammar, prefix, finished, first),
      outside(finished, indent),
      wanted === 'statement' ? blankLine(finished) : twoBlankLines(finished),
    ].filter((end) => end !== undefined);
    return ends.length > 0 ? Math.min(...ends) : undefined;
  }
}

type End = (grammar: Grammar, prefix: string, text: string, first: number) => number | undefined;

const endOf: Readonly<Record<Wanted, End>> = {
  /** The closing bracket of the body around the cursor, or the last line of a body that ends by indentation. */
  body: (grammar, prefix, text, first) => {
    const node = nodeAt(grammar, prefix + text, prefix.length + first);
    const body = node && ancestor(node, (at) => isBlock(grammar.info, at) && beginsBefore(at, prefix.length));
    if (!body) return undefined;
    return isBracketed(body) ? within(closedEnd(body), prefix, text, false) : within(body.endIndex, prefix, text, true);
  },
  /** The end of the statement or declaration that has the head and the body. */
  head: (grammar, prefix, text) => {
    const { rootNode } = grammar.parse(prefix + text);
    const body = rootNode
      .descendantsOfType([...grammar.info.bodies])
      .find((node) => node.startIndex >= prefix.length && (node.parent?.startIndex ?? Infinity) < prefix.length);
    const whole = body?.parent;
    if (!body || !whole || whole.isError || !whole.parent) return undefined;
    const isBraced = isBracketed(body);
    if (isBraced && closedEnd(body) === undefined) return undefined;
    const mayGoOn = !isBraced || GOES_ON.has(whole.type);
    const end = isBraced ? whole.endIndex : body.endIndex;
    return within(end, prefix, text, mayGoOn);
  },
  /** The end of a statement of several lines. Shorter ones continue to the next blank line. */
  statement: (grammar, prefix, text, first) => {
    const node = nodeAt(grammar, prefix + text, prefix.length + first);
    const whole = node && outermostFrom(node, prefix.length);
    const isLong = whole && whole.endPosition.row > whole.startPosition.row && !whole.hasError;
    return isLong ? within(whole.endIndex, prefix, text, true) : undefined;
  },
};

/** The offset in `text` of an end in the tree. @param ifMore only if more text follows it */
function within(end: number | undefined, prefix: string, text: string, ifMore: boolean): number | undefined {
  if (end === undefined) return undefined;
  const at = end - prefix.length;
  if (at <= 0 || at > text.length) return undefined;
  return !ifMore || text.slice(at).trim().length > 0 ? at : undefined;
}

/** Whether the body's opening bracket, or its head if it has no brackets, is before an offset. */
function beginsBefore(body: Node, offset: number): boolean {
  return (isBracketed(body) ? body.startIndex : (body.parent?.startIndex ?? Infinity)) < offset;
}

function isBracketed({ firstChild }: Node): boolean {
  return firstChild !== null && (!firstChild.isNamed || isTag(firstChild));
}

/** The end of a body's closing bracket or tag; undefined if it is missing. */
function closedEnd(body: Node): number | undefined {
  const { lastChild } = body;
  const isClosed = lastChild && !lastChild.isMissing && (!lastChild.isNamed || isTag(lastChild));
  return isClosed && body.childCount > 1 ? body.endIndex : undefined;
}

/** The largest ancestor of a node that begins at or after an offset, except the root. */
function outermostFrom(node: Node, offset: number): Node {
  let at = node;
  while (at.parent?.parent && !at.parent.isError && at.parent.startIndex >= offset) at = at.parent;
  return at;
}

/** The end before the first line that is indented less than the cursor's and is no closing line. */
function outside(text: string, indent: number): number | undefined {
  const lines = text.split('\n');
  const at = lines.findIndex(
    (line, i) => i > 0 && line.trim() !== '' && indentation(line) < indent && !/^\s*[)\]}<]/.test(line),
  );
  return at < 0 ? undefined : lines.slice(0, at).join('\n').trimEnd().length;
}

function twoBlankLines(text: string): number | undefined {
  const at = text.search(/\S[ \t]*\n[ \t]*\n[ \t]*\n/);
  return at < 0 ? undefined : at + 1;
}

function blankLine(text: string): number | undefined {
  const at = text.search(/\S[ \t]*\n[ \t]*\n/);
  return at < 0 ? undefined : at + 1;
}
