/** A terminal obeys them, and a file may have them in a name or a licence. */
const CONTROL_CHARACTERS = /[\p{Cc}\p{Cf}]/gu;

/** Rows of cells as aligned columns: the first to the left, the others to the right, `text` ones to the left too. */
export function layOut(lines: readonly (readonly string[])[], text: readonly number[] = []): string {
  const rows = lines.map((cells) => cells.map((cell) => cell.replaceAll(CONTROL_CHARACTERS, ' ')));
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((cells) => cells[i]?.length ?? 0)));
  const isText = (i: number) => i === 0 || text.includes(i);
  return rows
    .map((cells) => cells.map((cell, i) => (isText(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))))
    .map((cells) => cells.join('  ').trimEnd())
    .join('\n');
}
