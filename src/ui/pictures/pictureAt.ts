import { quotedAt } from './insertion';

/** The picture that a text names or holds at the cursor. */
export type PictureInText =
  /** As it is written: relative to the document or, with a slash in front, to the workspace folder. */
  { readonly kind: 'path'; readonly path: string } | { readonly kind: 'svg'; readonly svg: string };

const ENDING = /\.(?:svg|png|jpe?g|gif)$/i;
/** A longer drawing is not looked for. */
const MAX_SVG_CHARS = 200_000;

/** The picture at the cursor: an SVG element around it, or the path of a picture in quotes, `url(…)` or a link. */
export function pictureAt(text: string, offset: number): PictureInText | undefined {
  const quoted = quotedAt(text, offset);
  const inside =
    quoted &&
    text
      .slice(quoted.start, quoted.end)
      .replace(/[?#].*$/, '')
      .trim();
  if (inside !== undefined && ENDING.test(inside) && !/^[a-z][\w+.-]*:/i.test(inside))
    return { kind: 'path', path: inside };
  const svg = svgAt(text, offset);
  return svg === undefined ? undefined : { kind: 'svg', svg };
}

function svgAt(text: string, offset: number): string | undefined {
  const first = Math.max(0, offset - MAX_SVG_CHARS);
  const around = text.slice(first, offset + MAX_SVG_CHARS);
  const cursor = offset - first;
  let depth = 0;
  let start = 0;
  for (const { 0: tag, index } of around.matchAll(/<svg\b[^<>]*>|<\/svg>/gi)) {
    if (tag.startsWith('</')) {
      if (depth === 0) continue;
      depth--;
      const end = index + tag.length;
      if (depth === 0 && start <= cursor && cursor <= end) return withNamespace(around.slice(start, end));
    } else if (!tag.endsWith('/>')) {
      if (depth === 0) start = index;
      if (start > cursor) return undefined;
      depth++;
    }
  }
  return undefined;
}

/** In HTML an SVG element needs no namespace. JSX has the names of attributes in camel case. */
function withNamespace(svg: string): string {
  const named = /^<svg\b[^>]*\sxmlns=/i.test(svg)
    ? svg
    : svg.replace(/^<svg\b/i, '<svg xmlns="http://www.w3.org/2000/svg"');
  return named.replaceAll(
    /\b(stroke|fill|clip|stop)(Width|Linecap|Linejoin|Opacity|Rule|Path|Color|Dasharray)=\{?(["'\w.]+)\}?/g,
    (_, first: string, second: string, value: string) =>
      `${first}-${second.toLowerCase()}=${/^["']/.test(value) ? value : `"${value}"`}`,
  );
}
