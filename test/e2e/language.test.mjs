import assert from 'node:assert/strict';
import { Dashboard } from './dashboard.mjs';
import { statusItem } from './editor.mjs';
import { oneMoreEntry } from './places.mjs';
import { describeVSCode, pinned } from './vscode.mjs';

describeVSCode('MatCoder in German', { settings: pinned, language: 'de' }, (vscode) => {
  it('explains a missing suggestion, and says its state to a screen reader', async () => {
    await vscode.editor.openFile(oneMoreEntry.path);
    await vscode.editor.typeBelow({ ...oneMoreEntry, typed: 'sum: ' });
    await vscode.editor.openPicker('MatCoder: Warum kein Vorschlag?');
    await vscode.editor.page.locator('.quick-input-widget', { hasText: 'Hier und jetzt' }).waitFor();
    await vscode.editor.press('Escape');
    const label = await vscode.editor.page.locator(`${statusItem} a`).getAttribute('aria-label');
    assert.match(label, /Modellgröße wählen|Warum kein Vorschlag/);
  });

  it('shows its picker', async () => {
    await vscode.editor.openPicker('MatCoder: Modellgröße wählen');
    await vscode.editor.page.locator('.quick-input-widget', { hasText: 'Immer dieselbe Größe' }).waitFor();
    await vscode.editor.press('Escape');
  });

  it('shows its tooltip', async () => {
    await vscode.editor.page.locator(statusItem).hover();
    await vscode.editor.page.locator('.monaco-hover', { hasText: 'Modellgröße' }).first().waitFor();
  });

  it('shows its dashboard without a scroll bar', async () => {
    const dashboard = new Dashboard(vscode.editor);
    await vscode.editor.run('MatCoder: Dashboard anzeigen');
    await dashboard.frame.getByRole('heading', { name: 'Die Effizienzgrenze', exact: true }).waitFor();
    const { lang, overflow } = await dashboard.frame.locator('html').evaluate((html) => ({
      lang: html.lang,
      overflow: html.scrollWidth - html.clientWidth,
    }));
    assert.equal(lang, 'de');
    assert.equal(overflow, 0);
  });

  it('keeps its log in English', () => {
    assert.match(vscode.log.text(), /engine ready: pid \d+, .* threads?, [\d.]+ MB of weights/);
    assert.match(vscode.log.text(), /request \d+: /);
    assert.doesNotMatch(vscode.log.text(), /Anforderung|Engine wird|Gewichte/);
  });
});
