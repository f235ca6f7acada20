import assert from 'node:assert/strict';
import { matching } from './matching.mjs';
import { oneMoreEntry, oneMoreSignature } from './places.mjs';
import { describeVSCode, pinned } from './vscode.mjs';
import { until } from './wait.mjs';

const settings = { ...pinned, '[typescript]': { 'matcoder.enabled': false } };

describeVSCode('A missing suggestion', { settings }, (vscode) => {
  before('open a file', () => vscode.editor.openFile(oneMoreEntry.path));

  it('in a language that is off shows in the status bar, and a click gives the reason and the remedies', async () => {
    await vscode.editor.awaitStatus(/^off here$/);
    assert.match(await vscode.editor.hoverStatus(), /Now: off here, because completion is off for typescript/);
    await vscode.editor.clickStatus();
    const rows = await vscode.editor.pickerRows();
    assert.match(rows[0], /MatCoder is off for typescript/);
    await vscode.editor.pick('Enable for typescript');
    await until('the setting to be on', () => vscode.setting('[typescript]')?.['matcoder.enabled'] === true);
    await vscode.editor.awaitStatus(/^MatCoder$/);
  });

  it('in manual-only mode shows too, and the last outcomes are listed', async () => {
    await vscode.editor.typeBelow(oneMoreSignature);
    await vscode.editor.awaitGhostText();
    await vscode.editor.revert();
    await vscode.editor.openPicker('MatCoder: Choose Model Size');
    await vscode.editor.pickByTyping('Only when asked');
    await vscode.editor.awaitStatus(/^manual only$/);
    await vscode.editor.openPicker('MatCoder: Why No Suggestion?');
    const rows = await vscode.editor.pickerRows();
    await vscode.editor.screenshot('why-no-suggestion.png');
    assert.match(rows[0], /only when asked by hand/);
    assert.ok(
      rows.some((row) => /^Shown (again )?by \w+/.test(row) && row.includes('statistics.ts')),
      rows.join(' | '),
    );
    await vscode.editor.pick('Suggest while typing');
    await until('the setting to be off', () => vscode.setting('matcoder.manualOnly') === false);
    await vscode.editor.awaitStatus(matching('^(XS|S|M|L|XL)\\+? TIME$'));
  });
});

describeVSCode(
  'A size that the model does not have',
  { settings: { 'matcoder.submodel': 'constructor' } },
  (vscode) => {
    it('is reported in the log and in the picker, and Auto completes', async () => {
      await vscode.editor.openFile(oneMoreSignature.path);
      await vscode.editor.typeBelow(oneMoreSignature);
      await vscode.editor.askForSuggestion();
      await vscode.editor.awaitGhostText();
      const faults = vscode.log.text().match(/matcoder\.submodel is "constructor", which this model does not have/g);
      assert.equal(faults?.length, 1, 'once');
      await vscode.editor.openPicker('MatCoder: Choose Model Size');
      const [auto] = await vscode.editor.pickerRows();
      assert.match(auto, /^Auto, current, .*matcoder\.submodel is "constructor", which this model does not have/);
    });
  },
);
