/** The names of a grammar's nodes from which the shape of code is derived. */
export interface GrammarInfo {
  /** The file of the grammar, without ending. */
  readonly file: string;
  /** Nodes that hold statements or members between two brackets, or by indentation. */
  readonly bodies: readonly string[];
  /** Nodes that hold values between two brackets. */
  readonly literals: readonly string[];
  /** Bodies that may follow a head, with the placeholder `_` in them. */
  readonly bodiesToTry: readonly string[];
}

const ECMASCRIPT = {
  bodies: ['statement_block', 'class_body', 'switch_body', 'interface_body', 'object_type', 'enum_body'],
  literals: ['object', 'array', 'named_imports', 'object_pattern', 'jsx_element'],
};
const BRACES = ['{ _ }'];

const C = {
  file: 'tree-sitter-cpp',
  bodies: ['compound_statement', 'field_declaration_list', 'enumerator_list', 'declaration_list'],
  literals: ['initializer_list'],
  bodiesToTry: ['{ _; }'],
};
// A type may be missing between a function's head and its body.
const TYPED = ['{ _ }', 'T { _ }'];
const TYPESCRIPT = { ...ECMASCRIPT, file: 'tree-sitter-typescript', bodiesToTry: TYPED };
const TSX = { ...ECMASCRIPT, file: 'tree-sitter-tsx', bodiesToTry: TYPED };
const JAVASCRIPT = { ...ECMASCRIPT, file: 'tree-sitter-javascript', bodiesToTry: BRACES };
const JSON = { file: 'tree-sitter-json', bodies: [], literals: ['object', 'array'], bodiesToTry: [] };
const CSS = { file: 'tree-sitter-css', bodies: ['block', 'keyframe_block_list'], literals: [], bodiesToTry: BRACES };

/** Grammars by the editor's language id. The grammar of C++ also parses C. */
export const GRAMMARS: Readonly<Record<string, GrammarInfo>> = {
  typescript: TYPESCRIPT,
  typescriptreact: TSX,
  javascript: JAVASCRIPT,
  javascriptreact: JAVASCRIPT,
  json: JSON,
  jsonc: JSON,
  css: CSS,
  scss: CSS,
  less: CSS,
  html: {
    file: 'tree-sitter-html',
    bodies: ['element', 'script_element', 'style_element'],
    literals: [],
    bodiesToTry: [],
  },
  python: {
    file: 'tree-sitter-python',
    bodies: ['block'],
    literals: ['dictionary', 'list', 'set'],
    bodiesToTry: [': _', ' -> T: _'],
  },
  go: {
    file: 'tree-sitter-go',
    bodies: ['block', 'field_declaration_list', 'interface_type', 'expression_switch_statement', 'import_spec_list'],
    literals: ['literal_value'],
    bodiesToTry: TYPED,
  },
  rust: {
    file: 'tree-sitter-rust',
    bodies: ['block', 'declaration_list', 'field_declaration_list', 'enum_variant_list', 'match_block'],
    literals: ['field_initializer_list', 'array_expression'],
    bodiesToTry: TYPED,
  },
  c: C,
  cpp: C,
  java: {
    file: 'tree-sitter-java',
    bodies: ['block', 'class_body', 'interface_body', 'enum_body', 'switch_block', 'constructor_body'],
    literals: ['array_initializer'],
    bodiesToTry: BRACES,
  },
};

/** Language ids by the extension or the name of a file, for callers without an editor. */
const ENDINGS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ts: 'typescript',
    mts: 'typescript',
    cts: 'typescript',
    tsx: 'typescriptreact',
    js: 'javascript',
    mjs: 'javascript',
    cjs: 'javascript',
    jsx: 'javascriptreact',
    json: 'json',
    jsonc: 'jsonc',
    css: 'css',
    scss: 'scss',
    less: 'less',
    html: 'html',
    htm: 'html',
    xml: 'xml',
    svg: 'xml',
    vue: 'vue',
    svelte: 'svelte',
    py: 'python',
    pyi: 'python',
    go: 'go',
    rs: 'rust',
    c: 'c',
    h: 'cpp',
    cc: 'cpp',
    cpp: 'cpp',
    hpp: 'cpp',
    cxx: 'cpp',
    java: 'java',
    kt: 'kotlin',
    kts: 'kotlin',
    cs: 'csharp',
    swift: 'swift',
    scala: 'scala',
    dart: 'dart',
    php: 'php',
    rb: 'ruby',
    lua: 'lua',
    pl: 'perl',
    r: 'r',
    ex: 'elixir',
    exs: 'elixir',
    hs: 'haskell',
    sql: 'sql',
    sh: 'shellscript',
    bash: 'shellscript',
    zsh: 'shellscript',
    ps1: 'powershell',
    yaml: 'yaml',
    yml: 'yaml',
    toml: 'toml',
    ini: 'ini',
    properties: 'properties',
    md: 'markdown',
    rst: 'restructuredtext',
    tex: 'latex',
    dockerfile: 'dockerfile',
    makefile: 'makefile',
    mk: 'makefile',
  }),
);

/** The editor's language id of a file; plaintext if its name does not tell. */
export function languageOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  return ENDINGS.get(name.slice(name.lastIndexOf('.') + 1)) ?? 'plaintext';
}

/** Languages whose code can continue each other: dialects, and those that are compiled to one another. */
const DIALECTS: Readonly<Record<string, string>> = {
  typescriptreact: 'typescript',
  javascript: 'typescript',
  javascriptreact: 'typescript',
  vue: 'typescript',
  svelte: 'typescript',
  c: 'cpp',
  scss: 'css',
  less: 'css',
  jsonc: 'json',
};

/** The language of a file, the same for its dialects; the ending if its language is not known. */
export function dialectOf(path: string): string {
  const language = languageOf(path);
  if (language === 'plaintext') return /\.[^./]*$/.exec(path)?.[0].toLowerCase() ?? '';
  return DIALECTS[language] ?? language;
}
