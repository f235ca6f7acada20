import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../scripts/lib/run.mjs';
import { oneMoreEntry, oneMoreSignature } from './places.mjs';
import { installedExtension } from './profile.mjs';
import { describeVSCode, pinned } from './vscode.mjs';
import { until } from './wait.mjs';

const { path } = oneMoreEntry;

describeVSCode('After the engine was killed', { settings: pinned }, (vscode) => {
  it('completions come back by themselves', async () => {
    await vscode.editor.openFile(path);
    await vscode.editor.typeBelow(oneMoreSignature);
    await vscode.editor.awaitGhostText();
    await vscode.editor.revert();

    const pid = vscode.log.enginePid();
    assert.ok(pid, 'the log names the process of the engine');
    process.kill(pid, 'SIGKILL');
    await until('another engine to be ready', () => vscode.log.enginePid() !== pid);

    await vscode.editor.typeBelow(oneMoreSignature);
    await vscode.editor.awaitGhostText();
  });
});

describe('An extension folder that nobody may write, without the native engine', () => {
  let folder;
  const prepare = (profile) => {
    folder = installedExtension(profile);
    rmSync(join(folder, 'prebuilds/linux-x64/matcoder_engine.node'));
    for (const file of contentsOf(folder)) chmodSync(file, statSync(file).mode & ~0o222);
  };

  describeVSCode('in an installation', { settings: pinned, prepare }, (vscode) => {
    it('completes with ONNX Runtime, and the tooltip says why', async () => {
      const before = stateOf(folder);
      await vscode.editor.openFile(path);
      await vscode.editor.typeBelow(oneMoreSignature);
      await vscode.editor.askForSuggestion();
      await vscode.editor.awaitGhostText();
      const tooltip = await vscode.editor.hoverStatus();
      assert.match(tooltip, /ready, ONNX Runtime on the processor, /);
      assert.match(tooltip, /The native engine is not in use: The native engine for linux-x64 is missing: reinstall /);
      assert.deepEqual(stateOf(folder), before, 'nothing is written in the folder of the extension');
    });
  });
});

/** The files and folders below a folder. */
function contentsOf(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .sort();
}

/** Which files there are, how long they are, and when they were written. */
function stateOf(folder) {
  return contentsOf(folder).map((file) => {
    const { size, mtimeMs } = statSync(file);
    return `${file} ${size} ${mtimeMs}`;
  });
}

describe('A truncated checkpoint', () => {
  const folder = mkdtempSync(join(tmpdir(), 'matcoder-truncated-'));
  before('cut the weights in half', () => {
    cpSync(join(root, 'models/matlm-46m'), folder, { recursive: true });
    const weights = join(folder, 'model.safetensors');
    truncateSync(weights, Math.floor(statSync(weights).size / 2));
  });
  after('remove it', () => rmSync(folder, { recursive: true }));

  describeVSCode('in the settings', { machineSettings: { 'matcoder.modelPath': folder } }, (vscode) => {
    it('is reported by the status bar, and a click names the file and offers actions', async () => {
      await vscode.editor.awaitStatus(/^MatCoder$/);
      await vscode.editor.clickStatus();
      const notification = await vscode.editor.notification('model.safetensors');
      assert.deepEqual(notification.buttons, ['Restart Engine', 'Open Settings', 'Show Log']);
      assert.ok(!/\n\s*at /.test(notification.text), `no stack trace in "${notification.text}"`);
    });

    it('leaves the editor usable', async () => {
      await vscode.editor.openFile(path);
      await vscode.editor.typeBelow({ ...oneMoreEntry, typed: '// still here' });
      assert.ok((await vscode.editor.save(path)).includes('// still here'), 'the typed text reaches the file');
    });
  });
});

describeVSCode('In a workspace that is not trusted', { trusted: false, settings: pinned }, (vscode) => {
  it('completions appear nevertheless', async () => {
    await vscode.editor.page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).waitFor();
    await vscode.editor.openFile(path);
    await vscode.editor.typeBelow(oneMoreSignature);
    await vscode.editor.awaitGhostText();
  });
});
