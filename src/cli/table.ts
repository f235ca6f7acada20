/** Rows of cells as aligned columns: the first to the left, the others to the right, `text` ones to the left too. */
export function layOut(rows: readonly (readonly string[])[], text: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((cells) => cells[i]?.length ?? 0)));
  const isText = (i: number) => i === 0 || text.includes(i);
  return rows
    .map((cells) => cells.map((cell, i) => (isText(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))))
    .map((cells) => cells.join('  ').trimEnd())
    .join('\n');
}
