/**
 * How a file writes values. In `shell` and `data`, values may have no quotes. In `code`, they have quotes. `prose` is text
 * for people, such as labels of a user interface, in which "password" is an ordinary word. `text` may contain anything.
 */
export type TextKind = 'code' | 'data' | 'shell' | 'prose' | 'text';

const SHELL =
  /\.(?:sh|bash|zsh|ksh|fish|bat|cmd|ps1|psm1|mk)$|(?:^|[/.])(?:dockerfile|containerfile|makefile|justfile|procfile)(?:\.[\w-]+)?$/i;
const DATA =
  /\.(?:ya?ml|properties|ini|conf|cfg|cnf|config|toml|json|json5|jsonc|xml|plist|tf|tfvars|tfstate|hcl|env|service|desktop|reg|http|rest|gradle)$/i;
const TEXT = /\.(?:txt|md|markdown|mdx|rst|adoc|log|csv|tsv)$/i;
const PROSE = [
  /(?:^|\/)(?:locales?|i18n|l10n|lang|langs|languages?|translations?|messages|strings)(?:\/|[._-][^/]*$)/i,
  /(?:^|\/)[a-z]{2}(?:[-_][A-Za-z]{2,4})?\.(?:json|ya?ml|properties|xml)$/,
];

/** Languages by VS Code's identifier. */
const SHELL_LANGUAGES = /^(?:shellscript|fish|bat|powershell|dockerfile|makefile)$/;
const DATA_LANGUAGES =
  /^(?:yaml|dockercompose|github-actions-workflow|helm|properties|ini|dotenv|toml|terraform|hcl|xml|jsonc?)$/;

/**
 * @param path of the file; empty if it is unknown
 * @param languageId VS Code's identifier, for documents whose kind does not follow from their name
 */
export function textKindOf(path: string, languageId = ''): TextKind {
  if (PROSE.some((pattern) => pattern.test(path))) return 'prose';
  if (SHELL.test(path) || SHELL_LANGUAGES.test(languageId)) return 'shell';
  if (DATA.test(path) || DATA_LANGUAGES.test(languageId)) return 'data';
  return TEXT.test(path) ? 'text' : 'code';
}
