import assert from 'node:assert/strict';
import { matching } from './matching.mjs';
import { oneMoreEntry } from './places.mjs';
import { describeVSCode } from './vscode.mjs';
import { until } from './wait.mjs';

const settings = { 'matcoder.eagerness': 'eager' };

describeVSCode('The size of the model', { settings }, (vscode) => {
  before('open a file', () => vscode.editor.openFile(oneMoreEntry.path));

  for (const name of ['S', 'XL']) {
    it(`is ${name} in the status bar after ${name} was chosen and has completed`, async () => {
      await vscode.editor.openPicker('MatCoder: Choose Model Size');
      await vscode.editor.pick(name);
      await until(`the setting to be ${name}`, () => vscode.setting('matcoder.submodel') === name);
      await vscode.editor.typeBelow(oneMoreEntry);
      await vscode.editor.askForSuggestion();
      await vscode.editor.awaitGhostText();
      await vscode.editor.awaitStatus(matching(`^${name} TIME$`));
      await vscode.editor.revert();
    });
  }

  it('is chosen from a list with the predicted latency of each on this machine', async () => {
    await vscode.editor.openPicker('MatCoder: Choose Model Size');
    await vscode.editor.pick('Auto');
    // The extension hears of the setting a moment after the file holds it.
    const rows = await until('Auto to be the current size', async () => {
      await vscode.editor.openPicker('MatCoder: Choose Model Size');
      const found = await vscode.editor.pickerRows();
      if (found[0].startsWith('Auto, current')) return found;
      await vscode.editor.press('Escape');
      return undefined;
    });
    await vscode.editor.page.mouse.move(640, 700); // no hover over a row
    await vscode.editor.screenshot('picker.png');
    // On a busy machine Auto may decline to complete now: the list says so.
    assert.match(
      rows[0],
      /^Auto, current, now (XS|S|M|L|XL)\+?, .*(\d ms\b|skipped: the engine has used its )/,
      rows[0],
    );
    for (const [index, name] of ['XS', 'S', 'M', 'L', 'XL'].entries()) {
      assert.match(rows[index + 1], matching(`^${name}, about TIME on this machine, .* MB in memory`), rows[index + 1]);
    }
    await vscode.editor.press('Escape');
  });

  it('keeps to a latency budget, which has to be a whole number of milliseconds', async () => {
    await vscode.editor.openPicker('MatCoder: Choose Model Size');
    await vscode.editor.pickByTyping('Latency budget…');
    for (const nonsense of ['soon', '-5', '0', '2.5', '1e3', '99999']) {
      await vscode.editor.typeAcceptedInput('100'); // so that the message below is of this text
      assert.match(await vscode.editor.typeRefusedInput(nonsense), /whole milliseconds from 1 to 10000/, nonsense);
    }
    await vscode.editor.press('Enter');
    assert.equal(vscode.setting('matcoder.latencyBudget'), undefined, 'nonsense is not taken');
    await vscode.editor.typeAcceptedInput('60');
    await vscode.editor.press('Enter');
    await until('the setting to be 60', () => vscode.setting('matcoder.latencyBudget') === 60);
  });

  it('is capped on battery', async () => {
    await vscode.editor.openPicker('MatCoder: Choose Model Size');
    await vscode.editor.pickByTyping('On battery…');
    await vscode.editor.pick('M');
    await until('the setting to be M', () => vscode.setting('matcoder.batteryCap') === 'M');
  });

  it('completes only when asked, if that is chosen', async () => {
    await vscode.editor.openPicker('MatCoder: Choose Model Size');
    await vscode.editor.pickByTyping('Only when asked');
    await until('the setting to be on', () => vscode.setting('matcoder.manualOnly') === true);
    await vscode.editor.typeBelow(oneMoreEntry);
    await until('a request to be declined', () =>
      /declined, .*asked/.test(vscode.log.requests().at(-1)?.outcome ?? ''),
    );
    assert.equal(await vscode.editor.ghostText(), '');
    await vscode.editor.askForSuggestion();
    await vscode.editor.awaitGhostText();
  });
});
