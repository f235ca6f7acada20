import { until } from './wait.mjs';

export const quickInput = '.quick-input-widget:visible';
export const quickInputRows = `${quickInput} .quick-input-list .monaco-list-row`;

/** A step that takes longer is tried again from the key on, which costs little. */
const STEP_MS = 2000;
/** The rows of a file search come late on a busy machine. */
const ROWS_MS = 15_000;

/**
 * Opens a quick input by a key, writes into it, waits for a row and answers.
 *
 * VS Code closes a quick input that loses the focus, and many things take the focus while a window starts. An input that is
 * gone, or that another text is in, before it was answered is opened again by its key.
 *
 * @template T
 * @param {import('playwright-core').Page} page
 * @param {{key: string, text: string, row?: string}} what `row` is in the text of the row to wait for; any row if undefined
 * @param {(input: import('playwright-core').Locator, rows: import('playwright-core').Locator) => Promise<T>} answer works on
 *   the open input within a short time or throws, and may be called again then
 * @returns {Promise<T>} its result
 */
export async function throughQuickInput(page, { key, text, row }, answer) {
  const input = page.locator(`${quickInput} .quick-input-box input`);
  const rows = page.locator(quickInputRows, row === undefined ? {} : { hasText: row });
  let fault = 'it never opened';
  let tries = 0;

  const attempt = async () => {
    if (tries++ > 0 && (await page.locator(quickInput).count()) > 0) await page.keyboard.press('Escape');
    await page.keyboard.press(key);
    await input.fill(text, { timeout: STEP_MS });
    const deadline = Date.now() + ROWS_MS;
    while (!(await rows.first().isVisible())) {
      if ((await input.inputValue({ timeout: STEP_MS })) !== text) throw new Error('another text is in it');
      if (Date.now() > deadline) throw new Error(`no row ${row ?? ''} came`);
      await page.waitForTimeout(50);
    }
    return { result: await answer(input, rows) };
  };

  const { result } = await until(
    () => `the quick input of ${key} with ${JSON.stringify(text)} to be answered; the last of ${tries} tries: ${fault}`,
    () =>
      attempt().catch((error) => {
        fault = error.message.split('\n')[0];
        return undefined;
      }),
  );
  return result;
}

/** An answer that presses Enter in the input itself, so that the key cannot go to an editor that has taken the focus. */
export const confirm = (input) => input.press('Enter', { timeout: STEP_MS });

/** An answer by the mouse. */
export const clickRow = (input, rows) => rows.first().click({ timeout: STEP_MS });

/** An answer that closes the input. @returns {Promise<number>} the number of rows with a text */
export const countRows = (text) => async (input, rows) => {
  const count = await rows.filter({ hasText: text }).count();
  await input.press('Escape', { timeout: STEP_MS });
  return count;
};
