import type { Node } from 'web-tree-sitter';
import { type Grammar, pointAt } from './grammars';
import { indentation } from './indentation';
import type { GrammarInfo } from './languages';
import type { KnownStretch } from './reader';

/** Inserted at the cursor to parse the text. It is a name in every language. */
const PLACEHOLDER = '_';
/** A block after this would be a value, in languages in which blocks have values. */
const WANTS_VALUE = /(?:=|\breturn)\s*$/;
const CLOSERS: Readonly<Record<string, string>> = { '{': '}', '[': ']' };
const TAG = /tag$|^jsx_(?:opening|closing)_element$/;

/** Whether a node holds statements, members or values of its own. */
export function isBlock({ bodies, literals }: GrammarInfo, node: Node): boolean {
  return bodies.includes(node.type) || literals.includes(node.type);
}

/** Whether the cursor is in a block that is empty except for comments. */
export function emptyBody(grammar: Grammar, prefix: string, suffix: string): boolean {
  const opener = prefix.trimEnd().at(-1) ?? '';
  const block =
    blockAt(grammar, prefix, suffix) ??
    // Its closing bracket is missing.
    blockAt(grammar, prefix, `\n${CLOSERS[opener] ?? ''}${suffix}`);
  if (!block || isWritten(block)) return false;
  // Values on one line, such as `[█]`, are no block. Statements, as in `{█}`, get lines of their own.
  return isBlankLine(prefix) || (grammar.info.bodies.includes(block.type) && /[\s{:>]$/.test(prefix));
}

/** The block around a placeholder at the cursor; undefined if the tree has an error in between. */
function blockAt(grammar: Grammar, prefix: string, suffix: string): Node | undefined {
  const placeholder = nodeAt(grammar, prefix + PLACEHOLDER + suffix, prefix.length);
  const block =
    placeholder && ancestor(placeholder, (node) => isBlock(grammar.info, node) || (node.isError && isBegun(node)));
  return block && !block.isError ? block : undefined;
}

/** Whether an error has an opening bracket without a partner. Otherwise the placeholder may be its cause. */
function isBegun(error: Node): boolean {
  return error.children.some((child) => !child.isNamed && child.text in CLOSERS);
}

function isBlankLine(prefix: string): boolean {
  return prefix.slice(prefix.lastIndexOf('\n') + 1).trim() === '';
}

/** Whether a node is a tag that opens or closes an element. */
export function isTag(node: Node): boolean {
  return TAG.test(node.type);
}

/** Whether a block contains more than the placeholder and comments. */
function isWritten(block: Node): boolean {
  return block.children.some(
    (child) =>
      child.isNamed &&
      !child.type.includes('comment') &&
      !isTag(child) &&
      child.text.replace(/;$/, '').trim() !== PLACEHOLDER,
  );
}

/** Whether the line is the head of a function, a class or a branch without a body. */
export function headOfBody(grammar: Grammar, prefix: string, suffix: string): boolean {
  if (isBlankLine(prefix) || WANTS_VALUE.test(prefix)) return false;
  return grammar.info.bodiesToTry.some((tried) => {
    const at = prefix.length + tried.indexOf(PLACEHOLDER);
    const gap = /\s$/.test(prefix) || !/^\w/.test(tried) ? '' : ' ';
    const placeholder = nodeAt(grammar, prefix + gap + tried + suffix, at + gap.length);
    const body = placeholder && ancestor(placeholder, (node) => grammar.info.bodies.includes(node.type));
    const head = body?.parent;
    return (
      !!head &&
      !isWritten(body) &&
      body.startIndex >= prefix.length &&
      head.startIndex < prefix.length &&
      head.parent !== null &&
      !head.isError &&
      !isBlock(grammar.info, head)
    );
  });
}

/** Whether the line is empty, and the line above is a comment of some words that is not followed by code already. */
export function saysWhatFollows(grammar: Grammar, prefix: string, suffix: string): boolean {
  const linePrefix = prefix.slice(prefix.lastIndexOf('\n') + 1);
  const above = prefix.slice(0, prefix.length - linePrefix.length);
  if (linePrefix.trim() !== '' || !above.endsWith('\n') || above.trimEnd().length < above.length - 1) return false;
  const [, below = ''] = suffix.split('\n');
  if (below.trim() !== '' && indentation(below) >= indentation(linePrefix)) return false;
  const comment = nodeAt(grammar, prefix + suffix, above.length - 2);
  const whole = comment && ancestor(comment, (node) => node.type.includes('comment'));
  if (!whole) return false;
  const beforeIt = above.slice(0, whole.startIndex);
  return (
    beforeIt.slice(beforeIt.lastIndexOf('\n') + 1).trim() === '' && (whole.text.match(/[A-Za-z]{2,}/g)?.length ?? 0) > 1
  );
}

/** Nodes that contain text. HTML is left to its lexical rules, which are equally good. */
const TEXTS = [
  'comment',
  'line_comment',
  'block_comment',
  'string',
  'template_string',
  'string_literal',
  'raw_string_literal',
  'interpreted_string_literal',
  'string_value',
  'char_literal',
  'character_literal',
  'rune_literal',
  'regex',
  'jsx_text',
];

/** Strings, comments and the like, by the parts of a tree without errors. */
export interface KnownText {
  /** Stretches of the text before the cursor, in order. */
  readonly known: readonly KnownStretch[];
  /** The cursor is in such a stretch. */
  readonly isText: boolean;
}

/** @param shift offset of `prefix` in the text that the stretches refer to */
export function knownText(grammar: Grammar, prefix: string, suffix: string, shift: number): KnownText {
  const { rootNode } = grammar.parse(prefix + PLACEHOLDER + suffix);
  const texts = rootNode.descendantsOfType(TEXTS, undefined, pointAt(prefix, prefix.length + 1));
  const sound = texts.filter((node) => !node.hasError && node.parent?.isError !== true);
  const known: KnownStretch[] = [];
  for (const { startIndex, endIndex } of sound) {
    if (endIndex > prefix.length || startIndex + shift < (known.at(-1)?.end ?? 0)) continue;
    known.push({ start: startIndex + shift, end: endIndex + shift });
  }
  return { known, isText: sound.some((node) => node.startIndex < prefix.length && node.endIndex > prefix.length) };
}

/** The smallest node at an offset. */
export function nodeAt(grammar: Grammar, text: string, offset: number): Node | undefined {
  return grammar.parse(text).rootNode.descendantForIndex(offset, offset + 1) ?? undefined;
}

/** The first of a node and its ancestors that satisfies a condition. */
export function ancestor(node: Node, condition: (node: Node) => boolean): Node | undefined {
  let at: Node | null = node;
  while (at && !condition(at)) at = at.parent;
  return at ?? undefined;
}
