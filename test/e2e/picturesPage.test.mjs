import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { violations } from './accessibility.mjs';
import { openBrowser } from './browser.mjs';
import { openPage, send, themes } from './page.mjs';

/** One pixel. */
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const NAMES = ['trash-can', 'delete', 'bin', 'house', 'home', 'roof'];

describe('The page that finds a picture, in a browser alone', () => {
  const home = mkdtempSync(join(tmpdir(), 'matcoder-pictures-'));
  let browser;
  let page;
  before('open a browser', async () => {
    browser = await openBrowser(home);
    page = browser.page;
  });
  after('close it', async () => {
    await browser?.close();
    rmSync(home, { recursive: true, force: true });
  });

  /** The page with some pictures, the first two of which are drawn. */
  const open = async (options = {}) => {
    await openPage(page, { name: 'pictures', ...options });
    await send(page, { type: 'begin', words: '', like: undefined });
    const pictures = NAMES.map((name, id) => ({ id, name, place: id < 3 ? 'mdi' : 'img' }));
    await send(page, { type: 'pictures', pictures, isOther: true });
    for (const id of [0, 1]) await send(page, { type: 'thumbnail', id, url: PIXEL, isShape: id === 0 });
    await send(page, { type: 'status', text: '6 pictures', isBusy: false, isWaiting: true });
  };
  const options = () => page.getByRole('option');
  const chosen = () => page.getByRole('option', { selected: true }).locator('.name').innerText();
  const sent = async () => (await page.evaluate(() => window.sent)).filter(({ type }) => type !== 'ready');

  for (const theme of Object.keys(themes)) {
    describe(`in ${theme}`, () => {
      it('has no violation that axe-core finds', async () => {
        await open({ theme });
        assert.deepEqual(await violations(page), []);
      });

      it('has none for pictures like another, and none if there is nothing to show', async () => {
        await openPage(page, { name: 'pictures', theme });
        await send(page, { type: 'begin', words: '', like: 'logo.svg' });
        await send(page, { type: 'status', text: 'Nothing found', isBusy: false, isWaiting: false });
        assert.deepEqual(await violations(page), []);
      });
    });
  }

  it('marks the chosen picture in high contrast, and draws shapes too in forced colours', async () => {
    await open({ theme: 'Default High Contrast' });
    const inTheme = await options().evaluateAll((all) => all.map((one) => getComputedStyle(one).borderTopColor));
    assert.notEqual(inTheme[0], inTheme[1]);
    await page.emulateMedia({ forcedColors: 'active' });
    await open();
    const borders = await options().evaluateAll((all) => all.map((one) => getComputedStyle(one).borderTopColor));
    assert.notEqual(borders[0], borders[1]);
    const [ground, text] = await page
      .locator('.shape')
      .evaluate((shape) => [getComputedStyle(shape).backgroundColor, getComputedStyle(document.body).color]);
    assert.equal(ground, text);
    await page.emulateMedia({ forcedColors: null });
  });

  it('says what is found, and each picture with its set or folder', async () => {
    await open();
    assert.equal(await page.getByRole('status').innerText(), '6 pictures');
    assert.equal(await page.getByRole('listbox', { name: 'Pictures' }).count(), 1);
    assert.equal(await page.getByRole('option', { name: 'trash-can mdi' }).count(), 1);
  });

  it('is used with the keyboard alone', async () => {
    await open();
    assert.equal(await page.evaluate(() => document.activeElement.id), 'words');
    await page.keyboard.press('ArrowDown');
    assert.equal(await chosen(), 'trash-can');
    await page.keyboard.press('ArrowRight');
    assert.equal(await chosen(), 'delete');
    await page.keyboard.press('End');
    assert.equal(await chosen(), 'roof');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Control+Enter');
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowUp');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'words');
    await page.keyboard.type('a');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    assert.deepEqual(await sent(), [
      { type: 'insert', id: 5 },
      { type: 'open', id: 5 },
      { type: 'query', words: 'a' },
      { type: 'insert', id: 0 },
      { type: 'close' },
    ]);
  });

  it('keeps the focus on the chosen picture if better results come', async () => {
    await open();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    const pictures = ['bin', 'roof', 'delete'].map((name) => ({ id: NAMES.indexOf(name), name, place: '' }));
    await send(page, { type: 'pictures', pictures, isOther: false });
    assert.equal(await page.evaluate(() => document.activeElement.querySelector('.name').textContent), 'delete');
  });
});
