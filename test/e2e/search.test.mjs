import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { searchCode } from './codeSearch.mjs';
import { PictureFinder } from './pictureFinder.mjs';
import { describeVSCode, pinned } from './vscode.mjs';
import { until } from './wait.mjs';

/** None of the words of the queries is in it as a name. */
const CODE = `/** Waits longer after each failure, and gives up in the end. */
export async function persist<T>(task: () => Promise<T>, attempts = 5): Promise<T> {
  for (let round = 0; ; round++) {
    try {
      return await task();
    } catch (error) {
      if (round === attempts) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** round));
    }
  }
}

/** The distance of two points on the globe in kilometres, by the haversine formula. */
export function greatCircle(from: Point, to: Point): number {
  const [a, b] = [from, to].map(({ lat }) => (lat * Math.PI) / 180);
  const half = Math.sin((b - a) / 2) ** 2;
  return 12742 * Math.asin(Math.sqrt(half));
}
`;
const drawn = (body) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2">${body}</svg>\n`;
/** Drawn here, with names that say nothing. */
const PICTURES = {
  'a1.svg':
    '<path d="M3 6h18M8 6V4a1 1 0 0 1 1-1h6a1 1 0 0 1 1 1v2M5 6l1 14a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1l1-14M10 11v6M14 11v6"/>',
  'a2.svg': '<circle cx="11" cy="11" r="7"/><path d="M21 21l-5-5"/>',
  'a3.svg': '<path d="M3 11l9-8 9 8M5 10v10a1 1 0 0 0 1 1h12a1 1 0 0 0 1-1V10"/>',
  'a4.svg': '<path d="M12 21C5 15 2 12 2 8a5 5 0 0 1 10-1 5 5 0 0 1 10 1c0 4-3 7-10 13z"/>',
  'a5.svg': '<path d="M5 12h14M13 6l6 6-6 6"/>',
  'a6.svg': '<path d="M4 12l5 5L20 6"/>',
};

describeVSCode('The search by meaning', { settings: pinned }, (vscode) => {
  before(() => {
    writeFileSync(join(vscode.workspace, 'src', 'network.ts'), CODE);
    mkdirSync(join(vscode.workspace, 'img'));
    for (const [name, body] of Object.entries(PICTURES))
      writeFileSync(join(vscode.workspace, 'img', name), drawn(body));
    writeFileSync(join(vscode.workspace, 'page.html'), '<body>\n<img src="">\n</body>\n');
  });

  describe('in code', () => {
    const isRetry = (row) => row.startsWith('persist,');

    it('finds a function by what it does, and shows it while the list has the focus', async () => {
      const { editor } = vscode;
      await editor.openFile('src/units.ts');
      await editor.run('MatCoder: Search Code by Meaning');
      // It may be further down while other files are not in the index yet, and until the largest size has embedded the query.
      const rows = await searchCode(
        vscode,
        'repeat a failed call with growing delays',
        (row, i) => i < 5 && isRetry(row),
      );
      const index = rows.findIndex(isRetry);
      for (let i = 0; i < index; i++) await editor.press('ArrowDown');
      await editor.page.locator('.tab.active', { hasText: 'network.ts' }).waitFor();
      await until('the text of the result', async () =>
        (await editor.page.locator('.part.editor .view-lines').innerText())
          .replaceAll('\u00a0', ' ')
          .includes('persist'),
      );
      await editor.screenshot('search-code.png');
    });

    it('shows what was there before if the list is closed', async () => {
      const { editor } = vscode;
      await editor.press('Escape');
      await editor.page.locator('.tab.active', { hasText: 'units.ts' }).waitFor();
      await until(
        'the preview to be closed',
        async () => (await editor.page.locator('.tab', { hasText: 'network.ts' }).count()) === 0,
      );
    });

    it('opens a result at its place', async () => {
      const { editor } = vscode;
      await editor.run('MatCoder: Search Code by Meaning');
      await searchCode(vscode, 'distance on a sphere', (row) => row.startsWith('greatCircle,'));
      await editor.pick('greatCircle');
      await editor.page.locator('.tab.active', { hasText: 'network.ts' }).waitFor();
      const position = editor.page.locator('[id="status.editor.selection"]');
      await until('the cursor to be in the function', async () => /^Ln 1[3-9]\b/.test(await position.innerText()));
    });

    it('is in the tooltip of the status bar', async () => {
      const { editor } = vscode;
      assert.match(await editor.hoverStatus(), /Search by meaning: /);
    });
  });

  describe('in pictures', () => {
    it('finds a picture by a word, and inserts its path where the cursor is', async () => {
      const { editor, workspace } = vscode;
      await editor.openFile('page.html');
      await editor.press('Control+Home');
      await editor.press('ArrowDown');
      for (let i = 0; i < '<img src="'.length; i++) await editor.press('ArrowRight');
      const finder = new PictureFinder(editor);
      await finder.open();
      await finder.search('trash');
      const names = await finder.names();
      assert.deepEqual([...names].sort(), ['a1', 'a2', 'a3', 'a4', 'a5', 'a6']);
      await finder.awaitThumbnails(6);
      await editor.screenshot('find-picture.png');
      assert.ok(names.indexOf('a1') < 3, names.join());
      await finder.insert('a1');
      await editor.page.locator('.tab.active', { hasText: 'page.html' }).waitFor();
      await until('the path to be in the text', async () =>
        (await editor.page.locator('.part.editor .view-lines').innerText()).includes('a1.svg'),
      );
      await editor.save('page.html');
      assert.equal(readFileSync(join(workspace, 'page.html'), 'utf8'), '<body>\n<img src="img/a1.svg">\n</body>\n');
    });

    it('finds pictures like the one at the cursor, and closes with Escape', async () => {
      const { editor } = vscode;
      const finder = new PictureFinder(editor);
      await finder.open();
      await finder.frame.getByText('Pictures like a1.svg').waitFor();
      await until('the picture itself to be the first', async () => (await finder.names())[0] === 'a1');
      await editor.press('Escape');
      await editor.page.locator('.tab.active', { hasText: 'page.html' }).waitFor();
    });

    it('has no part of a drawing in its page, and no fault in its console', async () => {
      const { editor, browser } = vscode;
      const finder = new PictureFinder(editor);
      await finder.open();
      await finder.awaitThumbnails(1);
      assert.equal(await finder.frame.locator('svg').count(), 0);
      assert.deepEqual(
        browser.console.filter((line) => /Content Security Policy/.test(line) && /pictures/.test(line)),
        [],
      );
      await editor.press('Escape');
    });
  });
});
