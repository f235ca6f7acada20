import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../scripts/lib/run.mjs';
import { describeVSCode } from './vscode.mjs';
import { until } from './wait.mjs';

const file = 'src/statistics.ts';

async function typeFunction({ editor }) {
  await editor.openFile(file);
  await editor.goToEndOf(file, "return summarizeQuantity(readings, 'humidity');");
  await editor.press('ArrowDown');
  await editor.press('End');
  await editor.type('\n\nexport function summarizeWind');
}

describeVSCode('After the engine was killed', {}, (vscode) => {
  it('completions come back by themselves', async () => {
    await typeFunction(vscode);
    await vscode.editor.awaitGhostText();
    await vscode.editor.press('Escape');

    const pid = await until('the log to name the process of the engine', () => vscode.log.enginePid());
    process.kill(pid, 'SIGKILL');
    await until('another engine to be ready', () => vscode.log.enginePid() !== pid, 30_000);

    await vscode.editor.type('(readings');
    await vscode.editor.awaitGhostText();
  });
});

describe('A truncated checkpoint', () => {
  const folder = mkdtempSync(join(tmpdir(), 'matcoder-truncated-'));
  before('cut the weights in half', () => {
    cpSync(join(root, 'models/matlm-6m'), folder, { recursive: true });
    const weights = join(folder, 'model.safetensors');
    truncateSync(weights, Math.floor(statSync(weights).size / 2));
  });
  after('remove it', () => rmSync(folder, { recursive: true }));

  describeVSCode('in the settings', { machineSettings: { 'matcoder.modelPath': folder } }, (vscode) => {
    it('is named in the status bar, with a way out', async () => {
      await vscode.editor.openFile(file);
      await vscode.editor.type(' ');
      await vscode.editor.awaitStatus(/MatCoder/);
      const tooltip = () => vscode.editor.statusTooltip();
      await until('the tooltip to name the file', async () => (await tooltip()).includes('model.safetensors'));
      assert.match(vscode.log.text(), /model\.safetensors/);
      await vscode.editor.clickStatus();
    });

    it('leaves the editor usable', async () => {
      await vscode.editor.press('Escape');
      await vscode.editor.openFile(file);
      await vscode.editor.goToEndOf(file, 'import type');
      await vscode.editor.type(' // still here');
      assert.ok((await vscode.editor.save(file)).includes('still here'), 'what is typed reaches the file');
    });
  });
});

describeVSCode('In a workspace that is not trusted', { trusted: false }, (vscode) => {
  it('completions appear all the same', async () => {
    await vscode.editor.page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).waitFor();
    await typeFunction(vscode);
    await vscode.editor.awaitGhostText();
  });
});
