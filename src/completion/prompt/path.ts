/** Extensions by VS Code's language identifier, for documents whose name has none. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  c: 'c',
  cpp: 'cpp',
  css: 'css',
  go: 'go',
  html: 'html',
  java: 'java',
  javascript: 'js',
  javascriptreact: 'jsx',
  json: 'json',
  jsonc: 'json',
  markdown: 'md',
  python: 'py',
  rust: 'rs',
  shellscript: 'sh',
  typescript: 'ts',
  typescriptreact: 'tsx',
};

/**
 * A document's name in the prompt. A file outside the project is reduced to its name. A notebook, an untitled document and
 * a file without extension get that of their language.
 * @param path as VS Code gives it: from the project's root, or else absolute
 */
export function documentPath(path: string, languageId: string): string {
  const slashed = path.replaceAll('\\', '/');
  const isOutside = /^([A-Za-z]:)?\//.test(slashed) || slashed.startsWith('../');
  const name = isOutside ? slashed.slice(slashed.lastIndexOf('/') + 1) : slashed;
  const extension = Object.hasOwn(EXTENSIONS, languageId) ? EXTENSIONS[languageId] : undefined;
  if (extension === undefined) return name;
  const [, stem, has] = /^(.*?)(?:\.([^./]+))?$/s.exec(name) ?? [];
  return has === undefined || has === 'ipynb' ? `${stem ?? name}.${extension}` : name;
}
