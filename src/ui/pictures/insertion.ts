import { componentOf, type ComponentImport } from './components';
import { withImport } from './importEdit';
import type { Edit, InsertedPicture } from './inserted';

/** Where a picture is inserted. */
export interface InsertionPlace {
  /** VS Code's identifier. */
  readonly languageId: string;
  readonly text: string;
  /** The cursor. */
  readonly offset: number;
  /** Of the document, from the workspace folder of the picture, with forward slashes; undefined if it is in none. */
  readonly path: string | undefined;
}

const SCRIPTS: ReadonlySet<string> = new Set([
  'javascript',
  'javascriptreact',
  'typescript',
  'typescriptreact',
  'vue',
  'svelte',
]);
const STYLES: ReadonlySet<string> = new Set(['css', 'scss', 'less', 'sass', 'stylus', 'postcss']);
const MARKUP: ReadonlySet<string> = new Set(['html', 'handlebars', 'vue', 'svelte', 'astro', 'php', 'razor', 'xml']);
/** Paths in these are relative to their own folder only if they begin with a dot. */
const DOTTED: ReadonlySet<string> = new Set([...SCRIPTS, 'astro']);
/** So far from the cursor quotes are looked for: a line may have megabytes. */
const MAX_QUOTED_CHARS = 2000;
const PICTURE_PATH = /\.(?:svg|png|jpe?g|gif|webp)$/i;

/**
 * What inserts a picture at the cursor.
 * - In quotes, in `url(…)` and in the target of a Markdown link: its path, or the name of an icon of a set. An empty text and the path
 *   or the name of another picture are replaced.
 * - In a script, if a package with components of the same icons is installed: the component, and its import at the top.
 * - Elsewhere what the language shows pictures with: `![name](path)`, `<img src="path" alt="name">`, `url("path")`; in other
 *   languages the path or the name alone.
 * @param dependencies names of the packages that are installed
 */
export function insertionOf(
  place: InsertionPlace,
  picture: InsertedPicture,
  dependencies: readonly string[],
): readonly Edit[] {
  const { text, offset, languageId } = place;
  const reference = referenceTo(picture, place);
  const quoted = quotedAt(text, offset);
  if (quoted) {
    const inside = text.slice(quoted.start, quoted.end);
    const isReplaced = inside.trim() === '' || PICTURE_PATH.test(inside) || /^[a-z0-9-]+:[a-z0-9-]+$/.test(inside);
    return [isReplaced ? { ...quoted, text: reference } : at(offset, reference)];
  }
  const component = SCRIPTS.has(languageId) ? componentOf(picture, dependencies) : undefined;
  if (component) return withComponent(place, component);
  if (picture.set !== undefined) return [at(offset, reference)];
  if (STYLES.has(languageId)) return [at(offset, `url("${reference}")`)];
  if (languageId === 'markdown') return [at(offset, `![${picture.name}](${encodeURI(reference)})`)];
  const isInTag = /<[\w-][^<>]*$/.test(text.slice(Math.max(0, offset - 500), offset));
  if (MARKUP.has(languageId) && !isInTag) return [at(offset, `<img src="${reference}" alt="${picture.name}">`)];
  return [at(offset, reference)];
}

function withComponent({ text, offset, languageId }: InsertionPlace, component: ComponentImport): readonly Edit[] {
  const isMarkup = component.isElement && languageId !== 'javascript' && languageId !== 'typescript';
  const { edit, name } = withImport(text, component);
  return [...(edit ? [edit] : []), at(offset, isMarkup ? `<${name} />` : name)];
}

/** Of an icon of a set `mdi:home`; of a file its path from the document, or in a package the package's. */
export function referenceTo(
  { path, name, set }: InsertedPicture,
  place: Pick<InsertionPlace, 'path' | 'languageId'>,
): string {
  if (set !== undefined) return `${set}:${name}`;
  if (path.startsWith('node_modules/') && DOTTED.has(place.languageId)) return path.slice('node_modules/'.length);
  if (place.path === undefined) return path;
  const from = place.path.split('/').slice(0, -1);
  const to = path.split('/');
  let common = 0;
  while (common < from.length && common < to.length - 1 && from[common] === to[common]) common++;
  const up = from.slice(common).map(() => '..');
  const relative = [...up, ...to.slice(common)].join('/');
  return up.length === 0 && DOTTED.has(place.languageId) ? `./${relative}` : relative;
}

/** The text in quotes, in `url(…)` or in a Markdown link that the cursor is in, without these; undefined if it is in none. */
export function quotedAt(text: string, offset: number): { readonly start: number; readonly end: number } | undefined {
  const before = text.slice(Math.max(0, offset - MAX_QUOTED_CHARS), offset);
  const after = text.slice(offset, offset + MAX_QUOTED_CHARS);
  const lineStart = offset - before.length + before.lastIndexOf('\n') + 1;
  const line = text.slice(lineStart, offset + `${after}\n`.indexOf('\n'));
  const cursor = offset - lineStart;
  const forms = [
    /"((?:[^"\\]|\\.)*)"/g,
    /'((?:[^'\\]|\\.)*)'/g,
    /`([^`$]*)`/g,
    /\burl\(\s*([^"')\s]*)\s*\)/g,
    /!\[[^\]]*\]\(([^)]*)\)/g,
  ];
  const found = forms.flatMap((form) =>
    Array.from(line.matchAll(form), (match) => {
      const start = match.index + match[0].indexOf(match[1] ?? '', match[0].search(/["'`(]/) + 1);
      return { start, end: start + (match[1] ?? '').length };
    }),
  );
  // Quotes in quotes: the ones that begin last.
  const around = found
    .filter(({ start, end }) => start <= cursor && cursor <= end)
    .sort((a, b) => b.start - a.start)[0];
  return around && { start: lineStart + around.start, end: lineStart + around.end };
}

function at(offset: number, text: string): Edit {
  return { start: offset, end: offset, text };
}
