import type { Chunk, Lines, Rows } from './chunk';

/** A shorter block goes with the next one. */
const MIN_LINES = 4;
const DECLARATION =
  /\b(?:def|function|func|fun|fn|sub|proc|class|module|interface|protocol|extension|trait|struct|enum|namespace|object|record)\s+(?:self\.)?([\p{L}_$][\p{L}\p{N}_$.:?!]*)/u;

/**
 * Chunks of a text in a language without a grammar: what stands between blank lines, together with the lines below it that
 * are indented further.
 */
export function blockChunks(lines: Lines): Chunk[] {
  return inRows(lines, { first: 0, last: lines.count - 1 }).map((rows) => named(lines, rows));
}

function inRows(lines: Lines, rows: Rows): Rows[] {
  return joined(
    lines,
    blocks(lines, rows).flatMap((block) => (lines.fits(block) ? [block] : inside(lines, block))),
  );
}

/** A block that is too long: its first line, and the blocks below it. */
function inside(lines: Lines, block: Rows): Rows[] {
  const below = lines.trimmed({ first: block.first + 1, last: block.last });
  if (!below || lines.indentation(below.first) <= lines.indentation(block.first)) return lines.split(block);
  const [first, ...others] = inRows(lines, below);
  const withHead = first && { first: block.first, last: first.last };
  return withHead && lines.fits(withHead) ? [withHead, ...others] : lines.split(block);
}

/** Each begins after a blank line, at a line that is indented no further than the block before it. */
function blocks(lines: Lines, { first, last }: Rows): Rows[] {
  const found: Rows[] = [];
  let start: number | undefined;
  for (let row = first; row <= last; row++) {
    if (lines.isBlank(row)) continue;
    if (start !== undefined && lines.isBlank(row - 1) && lines.indentation(row) <= lines.indentation(start)) {
      found.push(...trimmed(lines, { first: start, last: row - 1 }));
      start = row;
    }
    start ??= row;
  }
  return start === undefined ? found : [...found, ...trimmed(lines, { first: start, last })];
}

/** Short ones are joined to those that follow. */
function joined(lines: Lines, found: readonly Rows[]): Rows[] {
  const result: Rows[] = [];
  for (const block of found) {
    const before = result.at(-1);
    const both = before && { first: before.first, last: block.last };
    if (both && before.last - before.first + 1 < MIN_LINES && lines.fits(both)) result[result.length - 1] = both;
    else result.push(block);
  }
  return result;
}

function trimmed(lines: Lines, rows: Rows): Rows[] {
  const kept = lines.trimmed(rows);
  return kept ? [kept] : [];
}

function named(lines: Lines, rows: Rows): Chunk {
  const name = DECLARATION.exec(lines.text(rows))?.[1];
  return name === undefined ? rows : { ...rows, name };
}
