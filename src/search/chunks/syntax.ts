import type { Node } from 'web-tree-sitter';
import type { GrammarInfo } from '../../completion/syntax/languages';
import type { Chunk, Lines, Rows } from './chunk';

/** A shorter declaration is grouped with its neighbours. */
const MIN_LINES = 4;
/** A longer class is taken apart into its head and its members. */
const MAX_WHOLE_LINES = 25;

const FUNCTIONS = new Set([
  'function_declaration', // ECMAScript, Go
  'generator_function_declaration',
  'function_definition', // Python, C++
  'function_item', // Rust
  'method_definition',
  'method_declaration', // Go, Java
  'constructor_declaration',
  'macro_definition',
]);
const CONTAINERS = new Set([
  'class_declaration',
  'abstract_class_declaration',
  'class_definition', // Python
  'class_specifier', // C++
  'struct_specifier',
  'interface_declaration',
  'enum_declaration',
  'record_declaration',
  'impl_item', // Rust
  'trait_item',
]);
/** Their members are told without them, because whole files stand in one. */
const MODULES = new Set(['internal_module', 'namespace_definition', 'mod_item']);
/** Declarations that are neither, but have a name. */
const NAMED = new Set([
  'type_alias_declaration',
  'struct_item',
  'enum_item',
  'type_item',
  'type_declaration',
  'enum_specifier',
]);
/** Nodes around a declaration, which are part of it. */
const WRAPPERS = new Set([
  'export_statement',
  'decorated_definition',
  'template_declaration',
  'ambient_declaration',
  'linkage_specification',
]);
const VALUES = new Set(['arrow_function', 'function_expression', 'class']);
/** Such a node belongs to what follows. */
const LEADS = /comment|^attribute_item$/;

/** A statement or declaration with the comments that belong to it. */
interface Part extends Rows {
  readonly kind: 'function' | 'container' | 'module' | 'other';
  readonly name?: string | undefined;
  /** The declaration itself. */
  readonly node: Node;
}

/**
 * Chunks of a text by its syntax: functions and methods, the heads of classes with their fields, and the statements between
 * them in groups.
 * @param root of the text's tree, which may have errors
 */
export function syntaxChunks(lines: Lines, info: GrammarInfo, root: Node): Chunk[] {
  return pack(lines, info, partsOf(root, undefined));
}

/** @param scope the name of the class around them */
function pack(lines: Lines, info: GrammarInfo, parts: readonly Part[], scope?: string, head?: Rows): Chunk[] {
  const chunks: Chunk[] = [];
  let group: { rows: Rows; names: (string | undefined)[] } | undefined = head && { rows: head, names: [scope, scope] };
  const flush = () => {
    const rows = group && lines.trimmed(group.rows);
    // The name of several small declarations is that of the class around them.
    if (group && rows) chunks.push(...cut(lines, rows, group.names.length === 1 ? group.names[0] : scope));
    group = undefined;
  };
  for (const part of parts) {
    const count = part.last - part.first + 1;
    const isLong = count > MAX_WHOLE_LINES || !lines.fits(part);
    const members = part.kind === 'module' || (part.kind === 'container' && isLong) ? bodyOf(info, part.node) : [];
    if (members.length > 0) {
      flush();
      chunks.push(
        ...(part.kind === 'module'
          ? pack(lines, info, partsIn(members, scope), scope)
          : containerChunks(lines, info, part, members)),
      );
    } else if ((part.kind === 'function' || part.kind === 'container') && count >= MIN_LINES) {
      flush();
      chunks.push(...cut(lines, part, part.name));
    } else {
      const rows = group && { first: group.rows.first, last: part.last };
      if (!group || !rows || !lines.fits(rows)) {
        flush();
        group = { rows: part, names: [part.name] };
      } else group = { rows, names: [...group.names, part.name] };
    }
  }
  flush();
  return chunks;
}

function containerChunks(lines: Lines, info: GrammarInfo, part: Part, body: readonly Node[]): Chunk[] {
  const members = partsIn(body, part.name);
  const start = members[0]?.first ?? part.last + 1;
  // A class on few lines may have its first member on the line of its head.
  const head = start > part.first ? { first: part.first, last: start - 1 } : undefined;
  return pack(lines, info, members, part.name, head);
}

function cut(lines: Lines, rows: Rows, name: string | undefined): Chunk[] {
  const parts = lines.fits(rows) ? [{ first: rows.first, last: rows.last }] : lines.split(rows);
  return name === undefined ? parts : parts.map((part) => ({ ...part, name }));
}

/** The members of a class. */
function bodyOf(info: GrammarInfo, node: Node): readonly Node[] {
  const body = node.childForFieldName('body') ?? node.namedChildren.find((child) => info.bodies.includes(child.type));
  return body?.namedChildren ?? [];
}

function partsOf(node: Node, scope: string | undefined): Part[] {
  return partsIn(node.namedChildren, scope);
}

/** Rows of two parts never overlap: what shares a line is one part. */
function partsIn(nodes: readonly Node[], scope: string | undefined): Part[] {
  const parts: Part[] = [];
  let lead: { first: number; last: number; node: Node } | undefined;
  const add = (part: Part) => {
    const before = parts.at(-1);
    if (before && part.first <= before.last)
      parts[parts.length - 1] = { ...before, last: Math.max(before.last, part.last) };
    else parts.push(part);
  };
  const flush = () => {
    if (lead) add({ first: lead.first, last: lead.last, kind: 'other', node: lead.node });
    lead = undefined;
  };
  for (const node of nodes) {
    const rows = rowsOf(node);
    const before = parts.at(-1);
    if (LEADS.test(node.type) && !(before && rows.first <= before.last)) {
      if (lead && rows.first > lead.last + 1) flush();
      lead = { first: lead?.first ?? rows.first, last: rows.last, node };
      continue;
    }
    if (lead && rows.first > lead.last + 1) flush();
    const first = lead?.first ?? rows.first;
    lead = undefined;
    add({ ...declared(node, scope), first, last: rows.last });
  }
  flush();
  return parts;
}

function rowsOf(node: Node): Rows {
  const { startPosition, endPosition } = node;
  // Some grammars end a statement with the line feed behind it.
  const last = endPosition.column === 0 && endPosition.row > startPosition.row ? endPosition.row - 1 : endPosition.row;
  return { first: startPosition.row, last };
}

function declared(node: Node, scope: string | undefined): Omit<Part, 'first' | 'last'> {
  const { type } = node;
  if (MODULES.has(type)) return { kind: 'module', node };
  if (WRAPPERS.has(type)) {
    const inner = node.namedChildren
      .map((child) => declared(child, scope))
      .find(({ kind, name }) => kind !== 'other' || name !== undefined);
    if (inner) return inner;
  }
  const own = nameOf(node);
  const name = own === undefined || scope === undefined ? own : `${scope}.${own}`;
  if (FUNCTIONS.has(type)) return { kind: 'function', name, node };
  if (CONTAINERS.has(type)) return { kind: 'container', name, node };
  if (NAMED.has(type)) return { kind: 'other', name, node };
  const holder = valueHolder(node);
  if (holder) {
    const heldName = nameOf(holder);
    return {
      kind: 'function',
      name: scope === undefined || heldName === undefined ? heldName : `${scope}.${heldName}`,
      node,
    };
  }
  return { kind: 'other', node };
}

/** The declarator, field or pair that gives a function its name: `const f = () => …`. */
function valueHolder(node: Node): Node | undefined {
  return [node, ...node.namedChildren].find((one) => VALUES.has(one.childForFieldName('value')?.type ?? ''));
}

/** C and C++ nest the name in declarators; in Rust, an `impl` has the name of its type; in Go, a specification has it. */
function nameOf(node: Node): string | undefined {
  let at = node;
  for (let depth = 0; depth < 8; depth++) {
    if (at.type === 'qualified_identifier') return short(at.text);
    const name: Node | null = at.childForFieldName('name') ?? at.childForFieldName('property');
    if (name) return short(name.text);
    const inner: Node | null =
      at.childForFieldName('declarator') ??
      (at.type === 'impl_item' ? at.childForFieldName('type') : null) ??
      (at.type === 'type_declaration' ? (at.namedChildren[0] ?? null) : null);
    if (!inner) return depth > 0 || at.type === 'impl_item' ? leafName(at) : undefined;
    at = inner;
  }
  return undefined;
}

function leafName(node: Node): string | undefined {
  return /identifier|destructor_name|operator_name|generic_type/.test(node.type) ? short(node.text) : undefined;
}

function short(name: string): string | undefined {
  const line =
    name
      .split('\n')[0]
      ?.trim()
      .replace(/^(['"`])(.*)\1$/, '$2') ?? '';
  return line === '' ? undefined : line.slice(0, 80);
}
