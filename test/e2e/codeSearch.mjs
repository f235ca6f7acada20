import { quickInput, quickInputRows } from './quickInput.mjs';
import { until } from './wait.mjs';

/** The rows of the list of results, as a screen reader says them; empty while there are none. */
const rowsOf = ({ editor }) =>
  editor.page.locator(quickInputRows).evaluateAll((rows) => rows.map((row) => row.getAttribute('aria-label') ?? ''));

/**
 * Types a query into the open list until a result at some place satisfies a condition. An index that waits is built.
 * @param {(row: string, index: number) => boolean} isFound
 * @returns {Promise<string[]>} all rows by then
 */
export async function searchCode(vscode, query, isFound) {
  const { editor } = vscode;
  const input = editor.page.locator(`${quickInput} .quick-input-box input`);
  const build = editor.page.getByRole('button', { name: 'Build the Index Now' });
  await input.fill(query);
  let rows = [];
  await until(
    () => `a result for "${query}"; there are ${rows.join(' | ') || 'none'}`,
    async () => {
      rows = await rowsOf(vscode);
      // Enter would do it too, but by then there may be a result, which it would open.
      if (await build.isVisible()) await build.click().catch(() => {});
      return rows.some(isFound);
    },
    120_000,
  );
  return rows;
}
