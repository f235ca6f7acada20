/** A string as a language writes it. */
export interface StringRule {
  readonly open: string;
  readonly close: string;
  /** How a closing mark is escaped within the string. */
  readonly escape: 'backslash' | 'doubled' | 'none';
  /** It may span several lines; otherwise it ends with its line at the latest. */
  readonly multiline?: true;
  /** Code within the string, by the marks around it. */
  readonly code?: readonly (readonly [string, string])[];
}

/**
 * The role of an apostrophe: it opens a string like other quotes; it encloses a single character, or belongs to a number,
 * a name or a lifetime; or it has no meaning.
 */
export type Apostrophe = 'string' | 'character' | 'none';

/**
 * How a language is divided into code, strings and comments. In `code`, brackets pair; in `prose`, they need not;
 * `markup` is prose with tags and templates.
 */
export interface Lexicon {
  readonly kind: 'code' | 'prose' | 'markup';
  readonly lineComments: readonly string[];
  /** Line comments begin only at the start of a word: `a#b` has none. */
  readonly commentBeginsWord?: true;
  readonly blockComments: readonly (readonly [string, string])[];
  readonly nestedComments?: true;
  readonly strings: readonly StringRule[];
  readonly apostrophe: Apostrophe;
  /** Matches a line before a quote if its end is a string prefix. */
  readonly stringPrefix?: RegExp;
  /** How a raw string begins. Its first group decides how it ends. */
  readonly rawString?: {
    readonly open: RegExp;
    readonly close: (group: string) => string;
    /** None if it is not given. */
    readonly escape?: StringRule['escape'];
  };
  /** Brackets that pair, as `()[]{}`. */
  readonly brackets: string;
  /** A slash in place of a value begins a regular expression; also as an argument without brackets, as in Ruby. */
  readonly regex?: true | 'or argument';
  /** Quotes open a string only at the start of a value, as in YAML. */
  readonly quoteBeginsValue?: true;
  /** `)` after a pattern closes nothing, as in the `case` of a shell. */
  readonly casePatterns?: true;
  /** A mark such as `<<WORD`, with the group `word`: a text follows on the next line, up to a line with that word. */
  readonly hereDocument?: RegExp;
  /** A backslash in code takes the meaning from the next character: `\'` opens no string. */
  readonly escapesInCode?: true;
  /** `#[` begins an attribute, not a comment. */
  readonly attributes?: true;
  /** Code stands only between `<?` and `?>`. */
  readonly codeMarks?: true;
  /** Tags may stand in the code, as in JSX. */
  readonly tags?: true;
  /** A trailing comma is forbidden before every closing bracket, or before a parenthesis. */
  readonly noTrailingComma?: 'everywhere' | 'parentheses';
}

const DOUBLE: StringRule = { open: '"', close: '"', escape: 'backslash' };
const SINGLE: StringRule = { open: "'", close: "'", escape: 'backslash' };
const BACKTICK: StringRule = { open: '`', close: '`', escape: 'none', multiline: true };
const TEMPLATE: StringRule = { ...BACKTICK, escape: 'backslash', code: [['${', '}']] };
const triple = (mark: string): StringRule => ({ open: mark, close: mark, escape: 'backslash', multiline: true });
const doubled = (mark: string): StringRule => ({ open: mark, close: mark, escape: 'doubled', multiline: true });

const SLASHES = ['//'];
const HASH = ['#'];
const STARS = [['/*', '*/']] as const;
const ALL_BRACKETS = '()[]{}';

const code = (lexicon: Partial<Lexicon>): Lexicon => ({
  kind: 'code',
  lineComments: [],
  blockComments: [],
  strings: [DOUBLE, SINGLE],
  apostrophe: 'string',
  brackets: ALL_BRACKETS,
  ...lexicon,
});
const braces = (lexicon: Partial<Lexicon> = {}) => code({ lineComments: SLASHES, blockComments: STARS, ...lexicon });
const hashed = (lexicon: Partial<Lexicon> = {}) =>
  code({ lineComments: HASH, commentBeginsWord: true, blockComments: [], ...lexicon });
const prose = (lexicon: Partial<Lexicon> = {}) =>
  code({ kind: 'prose', strings: [], apostrophe: 'none', brackets: '', ...lexicon });

const JAVASCRIPT = braces({ strings: [DOUBLE, SINGLE, TEMPLATE], regex: true });
const JSX: Lexicon = { ...JAVASCRIPT, tags: true };
const JSON = code({ strings: [DOUBLE], noTrailingComma: 'everywhere' });
const PAIRS: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '<': '>' };
/** How a string ends that begins with any mark. */
const matching = (mark: string) => PAIRS[mark] ?? mark;

const C = braces({
  apostrophe: 'character',
  stringPrefix: /(?:^|\W)(?:u8|[uUL])$/,
  rawString: { open: /(?:u8|[uUL])?R"([^\s()\\]{0,16})\(/y, close: (mark) => `)${mark}"` },
  noTrailingComma: 'parentheses',
});
const CSS = code({ blockComments: STARS });
const SCSS = braces();
const YAML = hashed({
  strings: [DOUBLE, { ...doubled("'") }],
  brackets: '[]{}',
  quoteBeginsValue: true,
});
const SHELL = hashed({
  strings: [
    {
      ...DOUBLE,
      multiline: true,
      code: [
        ['$(', ')'],
        ['${', '}'],
      ],
    },
    { open: "$'", close: "'", escape: 'backslash', multiline: true },
    { ...SINGLE, escape: 'none', multiline: true },
  ],
  stringPrefix: /./,
  casePatterns: true,
  // `<<<` is followed by a string.
  hereDocument: /(?<!<)<<(?!<)-?[ \t]*\\?(["']?)(?<word>[A-Za-z_]\w*)\1/y,
  escapesInCode: true,
});
const MARKUP = prose({
  kind: 'markup',
  blockComments: [
    ['<!--', '-->'],
    ['{#', '#}'],
    ['<%--', '--%>'],
    ['{{!--', '--}}'],
  ],
});
const MARKDOWN = prose({ blockComments: [['<!--', '-->']] });
const SQL = code({ lineComments: ['--'], blockComments: STARS, strings: [doubled('"'), doubled("'")] });
const PERL = hashed({
  blockComments: ['pod', 'head', 'over', 'item', 'begin', 'for', 'encoding'].map(
    (word) => [`=${word}`, '=cut'] as const,
  ),
  stringPrefix: /./,
  rawString: {
    // Of `s/a/b/`, the first part is taken as the start.
    open: /(?<![$@%&>])(?:q[qrwx]?([([{<|!])|(?:qr|m)\s?([/#,~])(?=[^\n]*\2)|(?:s|tr|y)\/(?:\\.|[^/\\\n])*(\/)|m([([{<|!]))/y,
    close: matching,
    escape: 'backslash',
  },
  hereDocument: /<<~?(["']?)(?<word>[A-Z_]\w*)\1/y,
  regex: 'or argument',
});

const LEXICONS: ReadonlyMap<string, Lexicon> = new Map(
  Object.entries({
    typescript: JAVASCRIPT,
    javascript: JSX,
    typescriptreact: JSX,
    javascriptreact: JSX,
    json: JSON,
    jsonl: JSON,
    jsonc: { ...JSON, lineComments: SLASHES, blockComments: STARS },
    json5: braces(),
    c: C,
    cpp: C,
    'objective-c': C,
    'objective-cpp': C,
    'cuda-cpp': C,
    java: braces({
      strings: [triple('"""'), DOUBLE, SINGLE],
      apostrophe: 'character',
      noTrailingComma: 'parentheses',
    }),
    csharp: braces({
      strings: [{ ...triple('"""'), escape: 'none' }, DOUBLE, SINGLE],
      apostrophe: 'character',
      stringPrefix: /[$@]$/,
      rawString: { open: /\$?@\$?"()/y, close: () => '"', escape: 'doubled' },
      noTrailingComma: 'parentheses',
    }),
    go: braces({ strings: [DOUBLE, SINGLE, BACKTICK], apostrophe: 'character' }),
    rust: braces({
      strings: [{ ...DOUBLE, multiline: true }],
      apostrophe: 'character',
      stringPrefix: /(?:^|\W)[bc]$/,
      rawString: { open: /[bc]?r(#*)"/y, close: (hashes) => `"${hashes}` },
      nestedComments: true,
    }),
    kotlin: braces({
      strings: [{ ...triple('"""'), escape: 'none', code: [['${', '}']] }, { ...DOUBLE, code: [['${', '}']] }, SINGLE],
      apostrophe: 'character',
      nestedComments: true,
    }),
    swift: braces({
      strings: [
        { ...triple('"""'), code: [['\\(', ')']] },
        { ...DOUBLE, code: [['\\(', ')']] },
      ],
      apostrophe: 'none',
      rawString: { open: /(#{1,8})"/y, close: (hashes) => `"${hashes}` },
      nestedComments: true,
    }),
    scala: braces({
      strings: [{ ...triple('"""'), escape: 'none' }, DOUBLE, SINGLE],
      apostrophe: 'character',
      stringPrefix: /[a-z]$/,
      nestedComments: true,
    }),
    dart: braces({
      strings: [triple('"""'), triple("'''"), DOUBLE, SINGLE],
      stringPrefix: /(?:^|\W)r$/,
      rawString: { open: /r("""|'''|"(?=[^"\n]*")|'(?=[^'\n]*'))/y, close: matching },
    }),
    groovy: braces({ strings: [triple('"""'), triple("'''"), DOUBLE, SINGLE], regex: true }),
    php: braces({
      lineComments: ['//', '#'],
      attributes: true,
      codeMarks: true,
      hereDocument: /<<<[ \t]*(["']?)(?<word>[A-Za-z_]\w*)\1/y,
      strings: [
        { ...DOUBLE, multiline: true },
        { ...SINGLE, multiline: true },
      ],
    }),
    python: code({
      lineComments: HASH,
      strings: [triple('"""'), triple("'''"), DOUBLE, SINGLE],
      stringPrefix: /(?:^|\W)(?:[rRbBuUfFtT]|[bBfFtT][rR]|[rR][bBfFtT])$/,
    }),
    ruby: hashed({
      blockComments: [['=begin', '=end']],
      strings: [
        { ...DOUBLE, multiline: true, code: [['#{', '}']] },
        { ...SINGLE, multiline: true },
      ],
      rawString: { open: /%[qQwWiIrsx]([([{<|!/])/y, close: matching, escape: 'backslash' },
      hereDocument: /<<[~-]?(["'`]?)(?<word>[A-Z_]\w*)\1/y,
      regex: 'or argument',
    }),
    elixir: hashed({
      strings: [{ ...triple('"""'), code: [['#{', '}']] }, triple("'''"), { ...DOUBLE, code: [['#{', '}']] }, SINGLE],
      rawString: { open: /~[A-Za-z]+("""|'''|["'([{<|/])/y, close: matching, escape: 'backslash' },
    }),
    lua: code({
      lineComments: ['--'],
      blockComments: [
        ['--[[', ']]'],
        ['--[=[', ']=]'],
        ['--[==[', ']==]'],
      ],
      rawString: { open: /\[(=+)\[/y, close: (signs) => `]${signs}]` },
      strings: [{ open: '[[', close: ']]', escape: 'none', multiline: true }, DOUBLE, SINGLE],
    }),
    perl: PERL,
    r: hashed(),
    // An apostrophe that encloses no character transposes a matrix.
    julia: hashed({ strings: [triple('"""'), DOUBLE], apostrophe: 'character' }),
    shellscript: SHELL,
    powershell: hashed({
      blockComments: [['<#', '#>']],
      rawString: { open: /@(["'])(?=[ \t]*\n)/y, close: (mark) => `${mark}@` },
      strings: [
        { ...DOUBLE, escape: 'none', multiline: true },
        { ...SINGLE, escape: 'none', multiline: true },
      ],
    }),
    dockerfile: hashed({ strings: [DOUBLE], escapesInCode: true }),
    makefile: hashed({ strings: [], apostrophe: 'none', brackets: '(){}' }),
    cmake: hashed({
      blockComments: [['#[[', ']]']],
      strings: [{ ...DOUBLE, multiline: true }],
      apostrophe: 'none',
      rawString: { open: /\[(=*)\[/y, close: (signs) => `]${signs}]` },
      escapesInCode: true,
    }),
    toml: hashed({
      strings: [triple('"""'), { ...triple("'''"), escape: 'none' }, DOUBLE, { ...SINGLE, escape: 'none' }],
    }),
    ini: prose({ lineComments: [';', '#'] }),
    properties: prose({ lineComments: ['#', '!'] }),
    dotenv: prose({ lineComments: HASH }),
    yaml: YAML,
    dockercompose: YAML,
    'github-actions-workflow': YAML,
    css: CSS,
    scss: SCSS,
    less: SCSS,
    sql: SQL,
    haskell: code({
      lineComments: ['--'],
      blockComments: [['{-', '-}']],
      // A lone apostrophe belongs to a name or quotes one.
      strings: [DOUBLE],
      apostrophe: 'character',
      nestedComments: true,
    }),
    ocaml: code({
      blockComments: [['(*', '*)']],
      // A lone apostrophe begins the name of a type.
      strings: [{ ...DOUBLE, multiline: true }],
      rawString: { open: /\{([a-z_]*)\|/y, close: (name) => `|${name}}` },
      apostrophe: 'character',
      nestedComments: true,
    }),
    clojure: code({
      lineComments: [';'],
      strings: [{ ...DOUBLE, multiline: true }],
      apostrophe: 'none',
      escapesInCode: true,
    }),
    html: MARKUP,
    xml: MARKUP,
    svg: MARKUP,
    vue: MARKUP,
    svelte: { ...MARKUP, blockComments: [['<!--', '-->']] },
    astro: MARKUP,
    handlebars: MARKUP,
    mustache: MARKUP,
    jinja: MARKUP,
    'jinja-html': MARKUP,
    'django-html': MARKUP,
    twig: MARKUP,
    liquid: MARKUP,
    nunjucks: MARKUP,
    erb: MARKUP,
    ejs: MARKUP,
    razor: MARKUP,
    blade: MARKUP,
    markdown: MARKDOWN,
    mdx: MARKDOWN,
    quarto: MARKDOWN,
    plaintext: prose(),
    restructuredtext: prose(),
    asciidoc: prose(),
    latex: prose({ lineComments: ['%'] }),
    bibtex: prose(),
    log: prose(),
    diff: prose(),
    csv: prose(),
    'git-commit': prose({ lineComments: HASH }),
    'git-rebase': prose({ lineComments: HASH }),
    ignore: prose({ lineComments: HASH }),
  } satisfies Record<string, Lexicon>),
);

/** Most languages that are not in the table resemble C or a shell. */
const UNKNOWN = braces({ lineComments: ['//', '#'], commentBeginsWord: true, attributes: true });

/** The lexical rules of a language, by the editor's identifier, with a common set for languages not in the table. */
export function lexiconOf(languageId: string): Lexicon {
  return LEXICONS.get(languageId) ?? UNKNOWN;
}

/** Names of elements that no tag closes. */
export const VOID_ELEMENTS: ReadonlySet<string> = new Set(
  'area base br col embed hr img input link meta param source track wbr !doctype'.split(' '),
);

/** Marks around code in a template, longest first. */
export const TEMPLATE_MARKS: readonly (readonly [string, string])[] = [
  ['{{{', '}}}'],
  ['{{', '}}'],
  ['{%', '%}'],
  ['{!!', '!!}'],
  ['<%', '%>'],
  ['<?', '?>'],
];
