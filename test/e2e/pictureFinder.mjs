import { until } from './wait.mjs';

/** The page that finds a picture, as a user sees it. */
export class PictureFinder {
  /** @param {import('./editor.mjs').Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.frame = editor.page.frameLocator('iframe.webview.ready').frameLocator('iframe#active-frame');
    this.box = this.frame.getByRole('searchbox');
  }

  async open() {
    await this.editor.run('MatCoder: Find Icon or Picture');
    await this.box.waitFor({ timeout: 30_000 });
    await until('the page to have the focus', () => this.frame.locator('body').evaluate(() => document.hasFocus()));
  }

  /** Types words, and waits until all pictures are found. An index that waits is built. */
  async search(words) {
    await this.box.fill(words);
    const build = this.frame.getByRole('button', { name: 'Build the Index Now' });
    await until(
      'the index to be complete',
      async () => {
        if (await build.isVisible()) await build.click();
        return /^\d+ pictures$/.test(await this.frame.getByRole('status').innerText());
      },
      120_000,
    );
  }

  /** The names of the pictures in their order. */
  async names() {
    return this.frame.locator('[role=option] .name').allInnerTexts();
  }

  awaitThumbnails(count) {
    const drawn = this.frame.locator('.thumbnail.shape, .thumbnail img');
    return until(`${count} thumbnails`, async () => (await drawn.count()) >= count);
  }

  /** Moves to a picture with the arrow keys, and inserts it. */
  async insert(name) {
    await this.box.focus();
    await this.editor.press('ArrowDown');
    for (const at of await this.names()) {
      if (at === name) break;
      await this.editor.press('ArrowRight');
    }
    await this.editor.press('Enter');
  }
}
