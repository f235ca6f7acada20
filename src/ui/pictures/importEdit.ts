import type { ComponentImport } from './components';
import type { Edit } from './inserted';

interface Found {
  readonly edit: Edit | undefined;
  /** The name under which the component is imported. */
  readonly name: string;
}

/** The edit that imports a component in a script; none if it is imported already. */
export function withImport(text: string, { module, name }: Pick<ComponentImport, 'module' | 'name'>): Found {
  const { start, end } = scriptIn(text);
  const script = text.slice(start, end);
  const quoted = module.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  const braces = new RegExp(
    `^import\\s+(?!type\\b)(?:[\\w$]+\\s*,\\s*)?\\{([^}]*)\\}\\s*from\\s*(['"])${quoted}\\2`,
    'm',
  ).exec(script);
  if (braces) {
    const names = braces[1] ?? '';
    const own = new RegExp(`(?:^|,)\\s*${name}(?:\\s+as\\s+([\\w$]+))?\\s*(?:,|$)`).exec(names);
    if (own) return { edit: undefined, name: own[1] ?? name };
    const at = start + braces.index + braces[0].indexOf('{') + 1 + names.trimEnd().length;
    const separator = names.trim() === '' ? ' ' : names.trimEnd().endsWith(',') ? ' ' : ', ';
    return { edit: { start: at, end: at, text: `${separator}${name}` }, name };
  }
  const lines = Array.from(script.matchAll(/^import\b[^;'"]*['"][^'"]*['"];?[ \t]*$/gm));
  const last = lines.at(-1);
  const style = lines[0]?.[0] ?? '';
  const quote = style.includes('"') ? '"' : "'";
  const statement = `import { ${name} } from ${quote}${module}${quote}${style === '' || style.trimEnd().endsWith(';') ? ';' : ''}`;
  if (last) {
    const at = start + last.index + last[0].length;
    return { edit: { start: at, end: at, text: `\n${statement}` }, name };
  }
  const at = start + headOf(script);
  return { edit: { start: at, end: at, text: `${statement}\n` }, name };
}

/** The script of a Vue or Svelte component; the whole text of another file. */
function scriptIn(text: string): { readonly start: number; readonly end: number } {
  const tag = /^<script\b[^>]*>[ \t]*\n/m.exec(text);
  if (!tag) return { start: 0, end: text.length };
  const start = tag.index + tag[0].length;
  const end = text.indexOf('</script>', start);
  return { start, end: end < 0 ? text.length : end };
}

/** After a shebang, comments and directives such as `'use client'`. */
function headOf(script: string): number {
  return (
    /^(?:#!.*\n)?(?:[ \t]*\n|\/\/.*\n|\/\*[^]*?\*\/[ \t]*\n|(['"])use \w+\1;?[ \t]*\n)*/.exec(script)?.[0].length ?? 0
  );
}
