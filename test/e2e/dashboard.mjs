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
