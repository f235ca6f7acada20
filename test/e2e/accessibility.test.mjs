import assert from 'node:assert/strict';
import { leastContrast, violations } from './accessibility.mjs';
import { Dashboard } from './dashboard.mjs';
import { statusItem } from './editor.mjs';
import { matching } from './matching.mjs';
import { themes, variables } from './page.mjs';
import { oneMoreSignature } from './places.mjs';
import { describeVSCode, pinned } from './vscode.mjs';
import { until } from './wait.mjs';

/** VS Code's default themes of each kind. */
const defaults = ['Light 2026', 'Dark 2026', 'Default High Contrast', 'Default High Contrast Light'];

describeVSCode('The accessibility of what MatCoder shows', { settings: pinned }, (vscode) => {
  let dashboard;
  before('complete and accept', async () => {
    dashboard = new Dashboard(vscode.editor);
    await vscode.editor.openFile(oneMoreSignature.path);
    await vscode.editor.typeBelow(oneMoreSignature);
    await vscode.editor.awaitGhostText();
    await vscode.editor.press('Tab');
    await vscode.editor.revert();
  });

  for (const theme of defaults) {
    describe(`in ${theme}`, () => {
      before('choose the theme', async () => {
        await vscode.editor.writeSettings({ ...vscode.settings(), 'workbench.colorTheme': theme });
        await dashboard.open();
        await dashboard.frame.locator(`body[data-vscode-theme-id="${theme}"]`).waitFor();
        await dashboard.section('The frontier').getByRole('img').waitFor();
      });

      it('the dashboard has no violation that axe-core finds', async () => {
        assert.deepEqual(await violations(await dashboard.content()), []);
      });

      it('the plots of the dashboard are legible', async () => {
        const frame = await dashboard.content();
        assert.ok((await leastContrast(frame, 'svg text')) >= 4.5, 'text');
        assert.ok((await leastContrast(frame, 'svg .mark')) >= 3, 'marks');
        assert.ok((await leastContrast(frame, 'svg .line', 'stroke')) >= 3, 'the line between them');
        assert.ok((await leastContrast(frame, 'svg circle.now', 'stroke')) >= 3, 'the ring of the current size');
      });

      it('the page that is tested in a browser alone has the theme’s own colours', async () => {
        const found = await dashboard.frame
          .locator('html')
          .evaluate(
            ({ style }, names) =>
              Object.fromEntries(
                names.flatMap((name) => (style.getPropertyValue(name) ? [[name, style.getPropertyValue(name)]] : [])),
              ),
            variables,
          );
        assert.deepEqual(found, themes[theme].variables);
      });
    });
  }

  it('the status bar’s item says its state in words, and what it does', async () => {
    const item = vscode.editor.statusItem;
    assert.match(
      await item.getAttribute('aria-label'),
      matching('^MatCoder: S TIME\\. Size S, last completion in [\\d.]+ (millisecond|second)s?\\. Choose Model Size$'),
    );
    // Its frame is VS Code's own.
    assert.deepEqual(await violations(vscode.editor.page, `${statusItem} .statusbar-item-label`), []);
  });

  it('the status bar’s tooltip has no violation, and the palette has a command for each of its links', async () => {
    await vscode.editor.hoverStatus();
    assert.deepEqual(await violations(vscode.editor.page, '.monaco-hover:not(.hidden)'), []);
    const links = await vscode.editor.page.locator('.monaco-hover a[data-href^="command:"]').count();
    assert.ok(links >= 5, `${links} links`);
  });

  it('the status bar’s item is reached and pressed with the keyboard', async () => {
    // VS Code draws the item anew when its state changes, and a key that comes just then is lost.
    await until('the item to be pressed', async () => {
      await vscode.editor.focusStatusItem();
      await vscode.editor.press('Enter');
      return vscode.editor.hasPicker(3000);
    });
    const [auto] = await vscode.editor.pickerRows();
    assert.match(auto, /^Auto, /);
    await vscode.editor.press('Escape');
  });

  for (const title of ['MatCoder: Choose Model Size', 'MatCoder: Why No Suggestion?']) {
    it(`${title} adds no violation to those of VS Code’s own pickers`, async () => {
      const picker = '.quick-input-widget';
      await vscode.editor.openPalette();
      const own = rulesOf(await violations(vscode.editor.page, picker));
      await vscode.editor.press('Escape');
      await vscode.editor.run(title);
      const rows = await vscode.editor.pickerRows();
      const found = await violations(vscode.editor.page, picker);
      assert.deepEqual(
        found.filter((line) => !own.has(line.split(' (')[0])),
        [],
      );
      for (const row of rows)
        assert.doesNotMatch(row, /\$\(|^(info|check|circle|error|warning) /, 'an icon is not read');
      await vscode.editor.press('Escape');
    });
  }
});

function rulesOf(lines) {
  return new Set(lines.map((line) => line.split(' (')[0]));
}
