import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leastContrast, violations } from './accessibility.mjs';
import { openBrowser } from './browser.mjs';
import { openPage, sendState, sentCommands, stateOf, themes } from './page.mjs';

describe('The page of the dashboard, in a browser alone', () => {
  const home = mkdtempSync(join(tmpdir(), 'matcoder-page-'));
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

  afterEach('as most people have it', () => page.emulateMedia({ reducedMotion: null, forcedColors: null }));

  const openTables = async () => {
    for (const summary of await page.locator('summary').all()) await summary.click();
  };

  /** The elements that reach beyond a width and cannot be scrolled to; the page itself if it has to be scrolled sideways. */
  const cutBy = (width) =>
    page.evaluate((limit) => {
      const { scrollWidth } = document.documentElement;
      if (scrollWidth > limit) return [`the page is ${scrollWidth} pixels wide`];
      const scrolls = (element) => getComputedStyle(element).overflowX === 'auto';
      const isIn = (element) => element && (scrolls(element) || isIn(element.parentElement));
      return [...document.querySelectorAll('body *:not(.spoken)')]
        .filter((element) => !isIn(element.parentElement) && element.getBoundingClientRect().right > limit)
        .map((element) => element.outerHTML.slice(0, 120));
    }, width);

  for (const theme of Object.keys(themes)) {
    describe(`in ${theme}`, () => {
      before('show a state', async () => {
        await page.setViewportSize({ width: 1280, height: 800 });
        await openPage(page, { theme });
        await sendState(page, stateOf());
        await openTables();
      });

      it('has no violation that axe-core finds', async () => {
        assert.deepEqual(await violations(page), []);
      });

      it('has none if there is nothing to show yet', async () => {
        await openPage(page, { theme });
        const none = { frontier: [], recent: [], bySize: [], models: [], choice: undefined };
        await sendState(page, { ...stateOf({ engine: 'starting' }), ...none });
        assert.deepEqual(await violations(page), []);
        await openPage(page, { theme });
        await sendState(page, stateOf());
      });

      it('has legible text and visible marks in its plots', async () => {
        assert.ok((await leastContrast(page, 'svg text')) >= 4.5, 'text');
        assert.ok((await leastContrast(page, 'svg .mark')) >= 3, 'marks');
        assert.ok((await leastContrast(page, 'svg .line', 'stroke')) >= 3, 'the line between them');
        assert.ok((await leastContrast(page, 'svg circle.now', 'stroke')) >= 3, 'the ring of the current size');
      });
    });
  }

  describe('for a screen reader', () => {
    before('show a state', async () => {
      await openPage(page);
      await sendState(page, stateOf());
    });

    it('has landmarks, and headings that begin with one of the first level', async () => {
      for (const role of ['banner', 'main', 'contentinfo']) assert.equal(await page.getByRole(role).count(), 1, role);
      const names = ['Now', 'By size', 'Benefit', 'The frontier', 'The last ten minutes', 'Imported models'];
      for (const name of names) {
        assert.equal(await page.getByRole('region', { name, exact: true }).count(), 1, `the region ${name}`);
      }
      assert.deepEqual(await page.locator('h1, h2').allInnerTexts(), ['MatCoder', ...names]);
    });

    it('describes each plot in words, and names the table with its data', async () => {
      const plots = await page.getByRole('img').all();
      assert.equal(plots.length, 2);
      const said = await Promise.all(plots.map((plot) => plot.getAttribute('aria-label')));
      assert.match(said[0], /^The frontier: 11 submodels; now M, which reads 30\.0 MB of weights per token/);
      assert.match(said[1], /^24 completions in the last 10 minutes, in \d+ ms to \d+ ms, by XS, S, M, L, XL\.$/);
      for (const plot of plots) {
        const details = page.locator(`[id="${await plot.getAttribute('aria-details')}"]`);
        await details.locator('summary').click();
        assert.ok((await details.getByRole('table').getByRole('row').count()) > 5);
      }
    });

    it('names the table of the sizes of an imported model, and says why another one has none', async () => {
      const sizes = page.getByRole('table', { name: 'The sizes of SmolLM2 135M Instruct' });
      const row = sizes.getByRole('row', { name: /^SmolLM2 135M Instruct L / });
      assert.deepEqual(await row.getByRole('cell').allInnerTexts(), ['90%', '76.0 MB', '0.670', '2%', '100 ms']);
      assert.equal(await sizes.getByRole('row').count(), 5);
      const other = page.getByRole('region', { name: /^a-model-with/ });
      assert.match(
        await other.innerText(),
        /No smaller sizes were found: every smaller size predicts your files too badly/,
      );
      assert.equal(await other.getByRole('table').count(), 0);
    });

    it('says “none” for a missing figure, which shows as a dash', async () => {
      const missing = page.getByRole('row', { name: /^XS/ }).first().getByRole('cell').last();
      assert.equal(await missing.textContent(), 'none–');
      assert.equal(await missing.getByText('–').getAttribute('aria-hidden'), 'true');
    });

    it('announces the engine’s state and nothing else', async () => {
      assert.equal(await page.locator('[aria-live], [role=status], [role=alert], [role=log]').count(), 1);
      assert.match(await page.getByRole('status').innerText(), /^ready, avx2/);
      const changes = await changesDuring(page, '[role=status]', async () => {
        for (let i = 1; i < 4; i++) await sendState(page, stateOf({ savedKeys: i }));
      });
      assert.equal(changes, 0, 'it is silent while only figures change');
      await sendState(page, stateOf({ engine: 'restarting' }));
      assert.equal(await page.getByRole('status').innerText(), 'restarting');
    });

    it('keeps the reader’s place: a new state changes figures and replaces no element', async () => {
      await page.evaluate(() => {
        window.before = [...document.querySelectorAll('main *')];
      });
      await sendState(page, stateOf({ savedKeys: 99 }));
      assert.match(await page.getByRole('region', { name: 'Today' }).innerText(), /Keystrokes saved\s+99/);
      assert.equal(await page.evaluate(() => window.before.filter((element) => !element.isConnected).length), 0);
    });
  });

  describe('by keyboard alone', () => {
    before('show a state', async () => {
      await openPage(page);
      await sendState(page, stateOf());
    });

    it('is walked from its first button to its last table, and back', async () => {
      const controls = [
        'Choose Model Size',
        'Show Log',
        'Reset Statistics',
        'Pause Updates',
        'The frontier as a table',
        'The last ten minutes as a table',
        ...['Stop Using It', 'Measure on My Files', 'Find Sizes Again…', 'Open Its Page', 'Rename…', 'Delete…'],
        ...['Rename…', 'Delete…'],
        'Import a Model…',
      ];
      assert.deepEqual(await walk(page, 'Tab', controls.length), controls);
      assert.deepEqual(await walk(page, 'Shift+Tab', controls.length - 1), controls.slice(0, -1).reverse());
    });

    it('runs its commands with Enter and with Space', async () => {
      await page.getByRole('button', { name: 'Show Log' }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Reset Statistics' }).focus();
      await page.keyboard.press('Space');
      assert.deepEqual(await sentCommands(page), ['showLog', 'resetStatistics']);
    });

    it('says which model a button is of, and sends its id', async () => {
      const [smol, old] = await page.getByRole('button', { name: 'Rename…' }).all();
      await old.focus();
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Stop Using It' }).press('Space');
      const sent = await page.evaluate(() => window.sent.filter(({ type }) => type === 'model'));
      assert.deepEqual(sent, [
        { type: 'model', action: 'rename', id: 'old' },
        { type: 'model', action: 'stop', id: 'smol' },
      ]);
      const described = await smol.evaluate(
        (button) => document.getElementById(button.getAttribute('aria-describedby')).textContent,
      );
      assert.equal(described, 'SmolLM2 135M Instruct');
    });

    it('keeps the focus on a button when the figures of its model change', async () => {
      const button = page.getByRole('button', { name: 'Stop Using It' });
      await button.focus();
      const state = stateOf();
      state.models[0].typicalMs = 77;
      await sendState(page, state);
      await page.getByText('77 ms').waitFor();
      assert.equal(await button.evaluate((element) => element === document.activeElement), true);
    });

    it('takes the reader to the imported models after an import', async () => {
      await page.evaluate(() => window.postMessage({ type: 'showModels' }, '*'));
      await page.waitForFunction(() => document.activeElement?.textContent === 'Imported models');
    });

    it('shows where the focus is', async () => {
      for (const theme of Object.keys(themes)) {
        await openPage(page, { theme });
        await sendState(page, stateOf());
        for (const control of await page.locator('button, summary').all()) {
          await control.focus();
          const { style, width } = await control.evaluate((element) => {
            const { outlineStyle, outlineWidth } = getComputedStyle(element);
            return { style: outlineStyle, width: parseFloat(outlineWidth) };
          });
          assert.ok(style === 'solid' && width >= 2, `${theme}: ${style} ${width}`);
        }
      }
    });
  });

  for (const [zoom, width] of Object.entries({ 200: 640, 400: 320 })) {
    describe(`at ${zoom} %, in a window of 1280 pixels`, () => {
      before('show a state', async () => {
        await page.setViewportSize({ width, height: Math.round((800 * width) / 1280) });
        await openPage(page);
        await sendState(page, stateOf({ engine: `stopped: ${'/a/long/path'.repeat(20)}` }));
        await openTables();
      });
      after('widen it', () => page.setViewportSize({ width: 1280, height: 800 }));

      it('loses nothing and scrolls in one direction', async () => {
        assert.deepEqual(await cutBy(width), []);
      });

      it('lets the keyboard scroll a table that is too wide', async () => {
        const places = page.locator('.table');
        const wide = await places.evaluateAll((all) => all.map((place) => place.scrollWidth > place.clientWidth));
        if (width === 320) assert.ok(wide.includes(true), 'one is');
        for (const [i, isWide] of wide.entries()) {
          const place = places.nth(i);
          assert.equal(await place.getAttribute('tabindex'), isWide ? '0' : null);
          if (!isWide) continue;
          assert.ok(await place.getAttribute('aria-label'));
          await place.focus();
          await page.keyboard.press('ArrowRight');
          await page.waitForFunction((index) => document.querySelectorAll('.table')[index].scrollLeft > 0, i);
        }
        // All is drawn again for another width.
        await page.setViewportSize({ width: width - 1, height: 800 });
        await sendState(page, stateOf());
        const focusable = await places.evaluateAll((all) => all.map((place) => place.tabIndex === 0));
        assert.deepEqual(focusable, wide);
      });

      it('has no violation that axe-core finds', async () => {
        assert.deepEqual(await violations(page), []);
      });
    });
  }

  // German has the longest words.
  for (const width of [1280, 640, 320]) {
    it(`loses nothing in German at ${width} pixels`, async () => {
      await page.setViewportSize({ width, height: 800 });
      await openPage(page, { language: 'de' });
      await sendState(page, stateOf());
      await openTables();
      await page.getByRole('heading', { name: 'Die Effizienzgrenze', exact: true }).waitFor();
      assert.deepEqual(await cutBy(width), []);
      await page.setViewportSize({ width: 1280, height: 800 });
    });
  }

  describe('for someone who wants less motion', () => {
    const keys = () =>
      page
        .getByRole('region', { name: 'Today' })
        .getByText(/^[\d,]+$/)
        .first()
        .innerText();

    it('is still until asked', async () => {
      await openPage(page, { lessMotion: true });
      await sendState(page, stateOf({ savedKeys: 1 }));
      const changes = await changesDuring(page, 'main', () => sendState(page, stateOf({ savedKeys: 2, recent: 25 })));
      assert.equal(changes, 0);
      assert.match(await page.locator('.paused').innerText(), /^Paused: the figures are from .*\d/);
      await page.getByRole('button', { name: 'Resume Updates' }).click();
      assert.equal(await keys(), '2');
      await sendState(page, stateOf({ savedKeys: 3 }));
      assert.equal(await keys(), '3');
    });

    it('is still too if the system asks and not the editor', async () => {
      await page.emulateMedia({ reducedMotion: 'reduce' });
      await openPage(page);
      await sendState(page, stateOf({ savedKeys: 1 }));
      await sendState(page, stateOf({ savedKeys: 2 }));
      assert.equal(await keys(), '1');
    });

    it('shows the result of its own commands, the engine’s state, and the first completion', async () => {
      await openPage(page, { lessMotion: true });
      await sendState(page, stateOf({ savedKeys: 1, recent: 0 }));
      await sendState(page, stateOf({ savedKeys: 2 }));
      assert.equal(await keys(), '2');
      await sendState(page, stateOf({ savedKeys: 3, engine: 'restarting' }));
      assert.equal(await keys(), '2');
      assert.equal(await page.getByRole('status').innerText(), 'restarting');
      await sendState(page, stateOf({ savedKeys: 4 }), { isAnswer: true });
      assert.equal(await keys(), '4');
    });

    it('has nothing that is animated, with motion or without', async () => {
      for (const lessMotion of [true, false]) {
        await openPage(page, { lessMotion });
        await sendState(page, stateOf());
        await sendState(page, stateOf({ recent: 30 }));
        assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
      }
    });
  });

  it('can be paused by anyone', async () => {
    await openPage(page);
    await sendState(page, stateOf({ savedKeys: 1 }));
    await page.getByRole('button', { name: 'Pause Updates' }).click();
    const changes = await changesDuring(page, 'main', () => sendState(page, stateOf({ savedKeys: 2 })));
    assert.equal(changes, 0);
  });

  it('keeps its plots visible if the system replaces all colours', async () => {
    await page.emulateMedia({ forcedColors: 'active' });
    await openPage(page, { theme: 'Dark 2026' });
    await sendState(page, stateOf());
    // The section's ground is the system's Canvas then.
    assert.ok((await leastContrast(page, 'svg text')) >= 4.5, 'text');
    assert.ok((await leastContrast(page, 'svg .mark')) >= 3, 'marks');
    assert.ok((await leastContrast(page, 'svg .line', 'stroke')) >= 3, 'the line');
    assert.ok((await leastContrast(page, 'svg circle.now', 'stroke')) >= 3, 'the ring');
  });
});

/** The controls that get the focus, one for each press of a key. */
async function walk(page, key, times) {
  const names = [];
  for (let i = 0; i < times; i++) {
    await page.keyboard.press(key);
    names.push(await page.evaluate(() => document.activeElement?.textContent));
  }
  return names;
}

/** How many changes of a part of the page happen meanwhile. */
async function changesDuring(page, selector, work) {
  await page.evaluate((part) => {
    window.changes = [];
    window.observer = new MutationObserver((found) => window.changes.push(...found));
    const everything = { subtree: true, childList: true, characterData: true, attributes: true };
    window.observer.observe(document.querySelector(part), everything);
  }, selector);
  await work();
  return page.evaluate(() => {
    window.observer.disconnect();
    return window.changes.length;
  });
}
