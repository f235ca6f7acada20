import { OPENS_BLOCK } from '../../governor/place';

/** How the indentation of a line follows from the line above. Strings and comments are blanked before a match. */
export interface LineRules {
  /** The line opens a block: the next one stands a level deeper. */
  readonly opens: RegExp;
  /** A statement's head whose body may stand on the next line without brackets. */
  readonly bracelessHead?: RegExp;
  /** A line with this start ends a block, or stands at the level of the block's head. */
  readonly dedents: RegExp;
  /** A line with this end continues on the next line. */
  readonly goesOn?: RegExp;
  /** A line with this start continues the line before. */
  readonly continues?: RegExp;
  /** `continues` for a line within brackets. */
  readonly continuesInBrackets?: RegExp;
  /** Levels by which a continuation is indented if the document shows none. */
  readonly continuationLevels: number;
  /** A line with this end ends its statement. */
  readonly ends?: RegExp;
}

const DEDENTS = /^(?:[})\]]|<\/|(?:case\b.*|default\s*|[\w\s]+):$|else\b|catch\b|finally\b)/;
const OPERATOR_END = /(?:[^=!<>]=|[^=!<>+\-*/%&|^]=|&&|\|\||\?\?|[^+]\+|[^-]-|\s[*/%&|^<>?]|[([,]\s*[?:])$|\\$/;
const LEADS = /^(?:\?\.|&\.|\.(?=[A-Za-z_$[(])|\|>|<\||&&|\|\||\?\?|<<|[+\-*/%|&^?:]\s)/;

const GENERIC: LineRules = {
  opens: OPENS_BLOCK,
  dedents: DEDENTS,
  goesOn: OPERATOR_END,
  continues: LEADS,
  continuationLevels: 1,
};
const BRACES: LineRules = {
  ...GENERIC,
  bracelessHead: /^(?:\}\s*)?(?:else\s+)?(?:if|for|while|foreach|using|lock|with)\b.*\)$|^(?:\}\s*)?else$|^do$/,
  ends: /[;}]$/,
};
const JAVA: LineRules = { ...BRACES, continuationLevels: 2 };
const LINQ = /^(?:from|where|select|orderby|group|join|let|into|on)\b/;
const CSHARP: LineRules = { ...BRACES, continues: new RegExp(`${LEADS.source}|${LINQ.source}`) };
const C: LineRules = { ...BRACES, continues: /^(?:&&|\|\||[+\-*/%|&^?:]\s)/ };
const PHP: LineRules = { ...BRACES, continues: new RegExp(`^->|${LEADS.source}`) };
const CSS: LineRules = { opens: /[{([:]$/, dedents: /^[})\]]/, continuationLevels: 1, ends: /[;}]$/ };
const PYTHON: LineRules = {
  opens: /[{([:]$/,
  dedents: /^(?:[})\]]|(?:else|elif|except|finally|case)\b.*)/,
  goesOn: OPERATOR_END,
  continuationLevels: 1,
  continuesInBrackets: /^(?:\.(?=[A-Za-z_])|(?:and|or|if|else|for|in|not)\b|[+\-*/%|&^]\s)/,
};
const SHELL: LineRules = {
  opens: /(?:[{(]|\b(?:then|do|else)|\bin|^[^()]*\))$/,
  dedents: /^(?:[})]|fi\b|done\b|esac\b|else\b|elif\b|;;|then\b|do\b)/,
  goesOn: /(?:\\|&&|\|\|?)$/,
  continuationLevels: 1,
};
const LUA: LineRules = {
  opens: /(?:[{([]|\b(?:then|do|else|repeat)|\bfunction\b[^()]*\([^()]*\))$/,
  dedents: /^(?:[})\]]|(?:end|else|elseif|until)\b)/,
  goesOn: /(?:[^=~<>]=|\.\.|\b(?:and|or|not))$/,
  continues: /^(?:[:.](?=[A-Za-z_])|\.\.|(?:and|or)\b)/,
  continuationLevels: 1,
};
const RUBY: LineRules = {
  opens:
    /(?:[{([]|\b(?:do|then|begin|else|ensure)|\|[^|]*\||=>)$|^(?!.*\bend$)(?:def|class|module|if|unless|while|until|case|for|when|rescue|elsif|begin)\b/,
  dedents: /^(?:[})\]]|(?:end|else|elsif|when|in|rescue|ensure)\b)/,
  goesOn: OPERATOR_END,
  continues: LEADS,
  continuationLevels: 1,
};
const ELIXIR: LineRules = {
  ...RUBY,
  opens: /(?:[{([]|\b(?:do|else|after|rescue|catch)|->)$/,
  dedents: /^(?:[})\]]|(?:end|else|after|rescue|catch)\b)/,
};
const MAKE: LineRules = {
  opens: /^[^\s#=:][^#=]*:(?!=)[^=]*$/,
  dedents: /^\S[^=]*:/,
  goesOn: /\\$/,
  continuationLevels: 1,
};
const MARKUP: LineRules = {
  opens:
    /<[A-Za-z][^<>]*(?<![/%?-])>$|<[A-Za-z][\w:.-]*$|\{%-?\s*(?:if|for|block|with|macro|unless|case)\b[^%]*%\}$|\{\{#[^}]*\}\}$|[{([]$/,
  dedents: /^(?:<\/|\{%-?\s*(?:end|el)|\{\{(?:\/|else)|[})\]]|\/?>|-->)/,
  continuationLevels: 1,
};
const DOCKER: LineRules = { opens: /(?!)/, dedents: /(?!)/, goesOn: /\\$/, continuationLevels: 1 };
/** In a language that is not in the table, a line may always be a level deeper. */
const UNKNOWN: LineRules = { ...GENERIC, opens: /(?:[{([:]|=>|->|\b(?:do|then|else|begin))$/ };

const RULES: ReadonlyMap<string, LineRules> = new Map(
  Object.entries({
    typescript: BRACES,
    typescriptreact: BRACES,
    javascript: BRACES,
    javascriptreact: BRACES,
    json: CSS,
    jsonc: CSS,
    json5: CSS,
    css: CSS,
    scss: CSS,
    less: CSS,
    c: C,
    cpp: BRACES,
    'objective-c': C,
    'objective-cpp': BRACES,
    'cuda-cpp': BRACES,
    java: JAVA,
    kotlin: JAVA,
    groovy: JAVA,
    csharp: CSHARP,
    dart: BRACES,
    scala: BRACES,
    php: PHP,
    go: GENERIC,
    rust: GENERIC,
    swift: GENERIC,
    python: PYTHON,
    shellscript: SHELL,
    lua: LUA,
    ruby: RUBY,
    elixir: ELIXIR,
    makefile: MAKE,
    dockerfile: DOCKER,
  } satisfies Record<string, LineRules>),
);

/** The rules of a language, by the editor's identifier; undefined if the language has no rules for its lines. */
export function lineRulesOf(languageId: string, kind: 'code' | 'prose' | 'markup'): LineRules | undefined {
  const rules = RULES.get(languageId);
  if (rules) return rules;
  return kind === 'code' ? UNKNOWN : kind === 'markup' ? MARKUP : undefined;
}

/** JSX: the line ends with an opening tag, so the next one is in its element. */
export const OPEN_TAG = /(?:^|[\s({>])<(?:[A-Za-z][\w:.-]*(?:\s[^<>]*)?)?(?<![/=])>$|^<[A-Za-z][\w:.-]*(?:\s[^<>]*)?$/;
