"""Functions of a source file, with their documentation apart from their code, and a call of each: by tree-sitter."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import tree_sitter_javascript
import tree_sitter_python
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser, Query, QueryCursor

ECMASCRIPT = """
(function_declaration name: (identifier) @name) @function
(generator_function_declaration name: (identifier) @name) @function
(method_definition name: (property_identifier) @name) @function
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression)]) @function
(assignment_expression
  left: (member_expression property: (property_identifier) @name)
  right: [(arrow_function) (function_expression)]) @function
(call_expression function: [(identifier) @callee (member_expression property: (property_identifier) @callee)]) @call
"""
PYTHON = """
(function_definition name: (identifier) @name) @function
(call function: [(identifier) @callee (attribute attribute: (identifier) @callee)]) @call
"""
# Nodes that hold nothing but the function: what stands before them documents it.
WRAPPERS = {"export_statement", "lexical_declaration", "variable_declaration", "expression_statement",
            "decorated_definition"}  # fmt: skip
SHORTEST_CHARS, LONGEST_CHARS = 60, 8000
CALL_CHARS = 240

NAME_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
NO_SUMMARY = re.compile(
    r"eslint|prettier|istanbul|tslint|@ts-|sourceMapping|todo|fixme|copyright|licen[cs]e|inherit ?doc|=>|\(\);|[;{}]$",
    re.IGNORECASE,
)
MASK = "_"


@dataclass(frozen=True)
class Function:
    """`code` has no documentation in it; `documentation` is the first paragraph of it in plain words, or empty.

    `call`: the lines around the first call of it in the same file, or empty. `line`: its first line, from 0.
    """

    name: str
    code: str
    documentation: str
    call: str
    line: int


@cache
def grammar(language: str) -> tuple[Parser, Query] | None:
    """The parser and the query of a language of the corpus, or None."""
    source, query = {
        "JavaScript": (tree_sitter_javascript.language, ECMASCRIPT),
        "JSX": (tree_sitter_javascript.language, ECMASCRIPT),
        "TypeScript": (tree_sitter_typescript.language_typescript, ECMASCRIPT),
        "TSX": (tree_sitter_typescript.language_tsx, ECMASCRIPT),
        "Python": (tree_sitter_python.language, PYTHON),
    }.get(language, (None, None))
    if source is None:
        return None
    loaded = Language(source())
    return Parser(loaded), Query(loaded, query)


def words_of(name: str) -> str:
    """parseHTTPHeader, parse_http_header -> "parse http header"."""
    return " ".join(NAME_PARTS.findall(name)).lower()


def without_name(text: str, name: str) -> str:
    """The text with every mention of the name masked."""
    return re.sub(rf"(?<![\w$]){re.escape(name)}(?![\w$])", MASK, text)


def summary_of(comment: str) -> str:
    """The first paragraph of a comment in plain words; empty if it is no description of three words or more."""
    lines = []
    for line in comment.splitlines():
        line = re.sub(r"^\s*(/\*+|\*+/|\*|//+|#+)?\s?", "", line).replace("*/", "").strip(" *\t")
        if line.startswith(("@", ":param", ">>>", "Args:", "Parameters", "Returns:")) or (not line and lines):
            break
        if line:
            lines.append(line)
    text = re.sub(r"\{@\w+\s+([^}|]*)(\|[^}]*)?\}", r"\1", " ".join(lines))
    text = re.sub(r"<[^<>]*>", " ", text)
    text = re.sub(r"\s+", " ", text).strip()
    words = re.findall(r"[A-Za-z]{2,}", text)
    letters = sum(character.isascii() and (character.isalpha() or character == " ") for character in text)
    if len(words) < 3 or letters < 0.75 * len(text) or NO_SUMMARY.search(text):
        return ""
    return text


def comment_before(node: Node) -> str:
    """The comment that ends on the line before the node, with the line comments above it."""
    parts: list[str] = []
    below, sibling = node, node.prev_named_sibling
    while sibling is not None and sibling.type == "comment" and below.start_point.row - sibling.end_point.row <= 1:
        text = sibling.text.decode(errors="replace")
        if parts and text.startswith("/*"):
            break
        parts.insert(0, text)
        if text.startswith("/*"):
            break
        below, sibling = sibling, sibling.prev_named_sibling
    return "\n".join(parts)


def docstring_of(function: Node) -> Node | None:
    """The docstring's statement of a Python function."""
    body = function.child_by_field_name("body")
    first = body.named_child(0) if body is not None and body.named_child_count else None
    is_string = first is not None and first.type == "expression_statement" and first.named_child_count == 1
    return first if is_string and first.named_child(0).type == "string" else None


def unindented(text: str, column: int) -> str:
    """The text of a node that begins at a column, with that much indentation off its other lines."""
    return re.sub(rf"\n[ \t]{{1,{column}}}", "\n", text) if column else text


def functions_of(text: str, language: str) -> Iterator[Function]:
    """The functions and methods of a file that have a name and a body of some size, in their order."""
    loaded = grammar(language)
    if loaded is None:
        return
    parser, query = loaded
    source = text.encode()
    root = parser.parse(source).root_node
    found: list[tuple[str, Node, Node]] = []  # (name, function, with its wrappers)
    calls: dict[str, list[Node]] = {}
    for _, captures in QueryCursor(query).matches(root):
        if "call" in captures:
            calls.setdefault(captures["callee"][0].text.decode(), []).append(captures["call"][0])
            continue
        function = whole = captures["function"][0]
        while whole.parent is not None and whole.parent.type in WRAPPERS and not whole.parent.has_error:
            whole = whole.parent
        found.append((captures["name"][0].text.decode(), function, whole))
    defined = [name for name, _, _ in found]
    for name, function, whole in sorted(found, key=lambda f: f[2].start_byte):
        start, end = whole.start_byte, whole.end_byte
        docstring = docstring_of(function) if language == "Python" else None
        if docstring is not None:
            comment = docstring.text.decode(errors="replace").strip("rRbBuU\"' \n")
            code = (
                source[start : docstring.start_byte].rstrip() + b"\n" + source[docstring.end_byte : end].lstrip(b"\n")
            )
        else:
            comment, code = comment_before(whole), source[start:end]
        code_text = unindented(code.decode(errors="replace"), whole.start_point.column)
        if not SHORTEST_CHARS <= len(code_text) <= LONGEST_CHARS or function.has_error:
            continue
        outside = (
            [c for c in calls.get(name, []) if not start <= c.start_byte < end] if defined.count(name) == 1 else []
        )
        yield Function(
            name, code_text, summary_of(comment), lines_around(source, outside[0]) if outside else "",
            whole.start_point.row,
        )  # fmt: skip


def lines_around(source: bytes, node: Node) -> str:
    """The line of a call with the one before and the one after it, cut to `CALL_CHARS`."""
    start = source.rfind(b"\n", 0, max(0, source.rfind(b"\n", 0, node.start_byte))) + 1
    end = source.find(b"\n", node.start_byte)
    after = source.find(b"\n", end + 1) if end >= 0 else -1
    lines = source[start : after if after >= 0 else len(source)].decode(errors="replace").splitlines()
    return "\n".join(line.strip() for line in lines)[:CALL_CHARS]
