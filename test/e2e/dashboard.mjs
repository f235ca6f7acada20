import { until } from './wait.mjs';

/** The dashboard's page inside the window, as a user sees it. */
export class Dashboard {
  /** @param {import('./editor.mjs').Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.frame = editor.page.frameLocator('iframe.webview.ready').frameLocator('iframe#active-frame');
  }

  async open() {
    await this.editor.run('MatCoder: Show Dashboard');
    await this.frame.getByRole('heading', { name: 'MatCoder' }).waitFor({ timeout: 30_000 });
    // VS Code moves the focus into the page a moment later, which would close a picker that is opened before.
    await until('the page to have the focus', () => this.frame.locator('body').evaluate(() => document.hasFocus()));
  }

  /** The page as a frame, for scripts in it. */
  async content() {
    const outer = await this.editor.page.locator('iframe.webview.ready').elementHandle();
    const inner = await (await outer.contentFrame()).locator('iframe#active-frame').elementHandle();
    return inner.contentFrame();
  }

  section(name) {
    return this.frame.getByRole('region', { name });
  }

  /** The cells of a table, row by row, without its head. */
  async rows(section) {
    const rows = await this.section(section).locator('tbody tr').all();
    return Promise.all(rows.map((row) => row.locator('th, td').allInnerTexts()));
  }

  /** The text of the focused element of the page. */
  focused() {
    return this.frame.locator('*:focus').evaluateAll((elements) => elements.at(-1)?.textContent ?? '');
  }
}
