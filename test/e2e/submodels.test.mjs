import assert from 'node:assert/strict';
import { oneMoreCall } from './places.mjs';
import { describeVSCode } from './vscode.mjs';
import { until } from './wait.mjs';

describeVSCode('The size of the model', {}, (vscode) => {
  before('open a file', () => vscode.editor.openFile(oneMoreCall.path));

  for (const name of ['S', 'XL']) {
    it(`is ${name} in the status bar after ${name} was chosen and has completed`, async () => {
      await vscode.editor.run('MatCoder: Choose Model Size');
      await vscode.editor.pick(name);
      await until(`the setting to be ${name}`, () => vscode.setting('matcoder.submodel') === name);
      await vscode.editor.typeBelow(oneMoreCall);
      await vscode.editor.awaitGhostText();
      await vscode.editor.awaitStatus(new RegExp(`^${name} \\d+ ms$`));
      await vscode.editor.revert();
    });
  }

  it('is chosen from a list that predicts what each takes on this machine', async () => {
    await vscode.editor.run('MatCoder: Choose Model Size');
    const rows = await vscode.editor.pickerRows();
    await vscode.editor.screenshot('picker.png');
    for (const [index, name] of ['Auto', 'S', 'M', 'L', 'XL'].entries()) {
      assert.match(rows[index], new RegExp(`^${name}, .*\\d ms\\b`), `row ${index} of ${rows.join(' | ')}`);
    }
    await vscode.editor.press('Escape');
  });
});
