import type { Chunk, Lines } from './chunk';

const HEADING = /^(#{1,6})\s+(.+?)\s*#*\s*$/;
const FENCE = /^\s*(?:```|~~~)/;
/** So many headings above a text are told with its own. */
const MAX_DEPTH = 3;

/** Chunks of a Markdown text: each heading with the text below it. Its name is the way to it, as `Install › Windows`. */
export function headingChunks(lines: Lines): Chunk[] {
  const chunks: Chunk[] = [];
  let above: { readonly level: number; readonly title: string }[] = [];
  let [start, isCode] = [0, false];
  const end = (last: number) => {
    const name = above
      .slice(-MAX_DEPTH)
      .map(({ title }) => title)
      .join(' › ');
    const rows = lines.trimmed({ first: start, last });
    if (rows) chunks.push(...lines.split(rows).map((part) => (name === '' ? part : { ...part, name })));
  };
  for (let row = 0; row < lines.count; row++) {
    if (FENCE.test(lines.at(row))) isCode = !isCode;
    const [, marks = '', title = ''] = isCode ? [] : (HEADING.exec(lines.at(row)) ?? []);
    if (marks === '') continue;
    end(row - 1);
    above = [...above.filter(({ level }) => level < marks.length), { level: marks.length, title }];
    start = row;
  }
  end(lines.count - 1);
  return chunks;
}
