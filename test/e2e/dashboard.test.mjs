import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/lib/run.mjs';
import { Dashboard } from './dashboard.mjs';
import { matching } from './matching.mjs';
import { oneMoreEntry } from './places.mjs';
import { describeVSCode, pinned } from './vscode.mjs';
import { until } from './wait.mjs';

const { frontier } = JSON.parse(readFileSync(join(root, 'models/matlm-46m/config.json'), 'utf8')).matformer;

describeVSCode('The dashboard', { settings: { ...pinned, 'workbench.reduceMotion': 'off' } }, (vscode) => {
  let dashboard;
  const violations = () => vscode.browser.console.filter((line) => /Content Security Policy/i.test(line));

  before('complete and accept', async () => {
    dashboard = new Dashboard(vscode.editor);
    await vscode.editor.openFile(oneMoreEntry.path);
    for (const typed of ['sum: ', 'sum: m']) {
      await vscode.editor.typeBelow({ ...oneMoreEntry, typed });
      await until(
        'a suggestion',
        async () => {
          await vscode.editor.askForSuggestion(); // again, as a user would: VS Code drops an answer if the focus moves
          return vscode.editor.awaitGhostText(20_000).catch(() => undefined);
        },
        120_000,
      );
      if (typed === 'sum: ') {
        await vscode.editor.press('Tab');
        await until('the acceptance to be logged', () => /request \d+: accepted/.test(vscode.log.text()));
      }
      await vscode.editor.revert();
    }
  });

  it('shows the frontier with a ring around the current choice', async () => {
    await dashboard.open();
    const plot = dashboard.section('The frontier').getByRole('img');
    await plot.waitFor();
    const label = await plot.getAttribute('aria-label');
    const [, now] = /now (.+?), which reads [\d.]+ MB of weights per token/.exec(label) ?? [];
    assert.ok(now, `the present choice in "${label}"`);
    const ring = plot.locator('circle.now');
    assert.equal(await ring.getAttribute('data-submodel'), now);
    assert.equal(await plot.locator('circle.mark').count(), frontier.length);
    await vscode.editor.screenshot('dashboard-light.png');
  });

  it('counts shown and accepted suggestions and saved keystrokes', async () => {
    const today = dashboard.section('Today');
    await until('a keystroke saved', async () => /Keystrokes saved\s+[1-9]/.test(await today.innerText()));
    assert.match(await today.innerText(), /Accepted\s+\d+%\s+1 of \d+ shown/);
    assert.match(await today.innerText(), matching('median; 95% within TIME'));
    const rows = await dashboard.rows('By size');
    assert.ok(rows.length > 0, 'a row for each size that was used');
    for (const [size, requests] of rows) assert.match(`${size} ${requests}`, /^(XS|S|M|L|XL)\+? [1-9]\d*$/);
  });

  it('can be used with the keyboard, from its first button to its last table', async () => {
    await dashboard.frame.getByRole('button', { name: 'Choose Model Size' }).focus();
    const order = [];
    for (let i = 0; i < 6; i++) {
      order.push(await dashboard.focused());
      await vscode.editor.press('Tab');
    }
    const tables = ['The frontier as a table', 'The last ten minutes as a table'];
    assert.deepEqual(order, ['Choose Model Size', 'Show Log', 'Reset Statistics', 'Pause Updates', ...tables]);
    await dashboard.section('The frontier').locator('summary').focus();
    await vscode.editor.press('Enter');
    await dashboard.section('The frontier').getByRole('table').waitFor();
    const rows = await dashboard.rows('The frontier');
    assert.equal(rows.length, frontier.length);
    assert.equal(rows.filter(([name]) => name.endsWith('(now)')).length, 1);
  });

  it('looks the same after it was hidden', async () => {
    await vscode.editor.page.locator('.tab', { hasText: oneMoreEntry.path.split('/').at(-1) }).click();
    await vscode.editor.run('MatCoder: Show Dashboard');
    await dashboard.section('The frontier').getByRole('table').waitFor();
    await vscode.editor.press('Enter');
    await dashboard.section('The frontier').locator('summary').click();
    await dashboard.section('The frontier').getByRole('table').waitFor({ state: 'hidden' });
  });

  it('gives the focus back when a picker that it opened is closed', async () => {
    const button = dashboard.frame.getByRole('button', { name: 'Choose Model Size' });
    await button.focus();
    await vscode.editor.press('Enter');
    await vscode.editor.pickerRows();
    await vscode.editor.press('Escape');
    await until('the button to have the focus', async () => (await dashboard.focused()) === 'Choose Model Size');
  });

  it('resets all counts after a confirmation', async () => {
    await dashboard.frame.getByRole('button', { name: 'Reset Statistics' }).click();
    await vscode.editor.answer('Reset');
    const today = dashboard.section('Today');
    await until('no keystroke to be saved', async () => /Keystrokes saved\s+0\b/.test(await today.innerText()));
    assert.deepEqual(await dashboard.rows('By size'), []);
    await vscode.editor.screenshot('dashboard-empty.png');
  });

  it('does not violate its content security policy', () => {
    assert.deepEqual(violations(), []);
  });
});
