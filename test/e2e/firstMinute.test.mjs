import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { oneMoreSignature } from './places.mjs';
import { installedExtension } from './profile.mjs';
import { describeVSCode } from './vscode.mjs';
import { until } from './wait.mjs';
import { Walkthrough } from './walkthrough.mjs';

/** Seconds for the log; nothing is asserted of them, because another machine takes another time. */
function print(what, vscode) {
  console.log(`      ${what}: ${((performance.now() - vscode.installedFromMs) / 1000).toFixed(1)} s`);
}

describeVSCode('A new user', { isNewUser: true }, (vscode) => {
  it('sees a suggestion after opening a file and typing', async () => {
    const { editor } = vscode;
    await editor.openFile(oneMoreSignature.path);
    await editor.typeBelow(oneMoreSignature);
    await until('a suggestion', async () => {
      const ghost = await editor.awaitGhostText(5000).catch(() => '');
      if (ghost !== '') return true;
      await editor.press('Backspace'); // as one does who waits in vain
      await editor.type(' ');
      return false;
    });
    print('from the installation to a suggestion while typing', vscode);
    assert.match(await editor.awaitGhostText(), /Summary/);
    await editor.screenshot('first-typing.png');
  });

  it('has sent nothing to another machine', () => {
    assert.deepEqual(vscode.browser.outside, []);
  });
});

describeVSCode('The walkthrough', { isNewUser: true, hasFolder: false, trusted: false }, (vscode) => {
  let walkthrough;

  it('opens by itself after the installation', async () => {
    walkthrough = new Walkthrough(vscode.editor);
    await vscode.editor.page.setViewportSize({ width: 1700, height: 900 }); // with room for its pictures
    await walkthrough.awaitTitle();
    await vscode.editor.screenshot('walkthrough.png');
    assert.deepEqual(await walkthrough.steps(), [
      'See a suggestion',
      'One model, many sizes',
      'Nothing leaves this machine',
      'If no suggestion appears',
    ]);
  });

  it('shows a suggestion on a sample, without a folder and without trust', async () => {
    await walkthrough.press('Try It on a Sample');
    const ghost = await vscode.editor.awaitGhostText();
    print('from the installation to the suggestion of the walkthrough', vscode);
    assert.equal(ghost, 'number {\n  return mean(readings.map((reading) => reading.wind));\n}');
    await vscode.editor.screenshot('walkthrough-sample.png');
    await vscode.editor.press('Tab');
    await until('the suggestion to be text', async () => (await vscode.editor.ghostText()) === '');
    await walkthrough.show();
    await walkthrough.awaitDone('See a suggestion');
  });

  it('does not open in another window', async () => {
    const starts = () => vscode.log.text().match(/engine ready/g)?.length ?? 0;
    const before = starts();
    vscode.editor.address = vscode.workspace;
    await vscode.editor.openWindow(vscode.server.url);
    await until('the engine of that window to be ready', () => starts() > before);
    assert.equal(await walkthrough.isOpen(), false);
  });
});

describeVSCode(
  'An installation without an engine',
  { prepare: (profile) => rmSync(join(installedExtension(profile), 'prebuilds'), { recursive: true }) },
  (vscode) => {
    it('tells the user so in the status bar', async () => {
      await vscode.editor.openFile(oneMoreSignature.path);
      await vscode.editor.awaitStatus(/MatCoder/);
      const tooltip = await vscode.editor.hoverStatus();
      await vscode.editor.screenshot('no-engine-tooltip.png');
      assert.match(tooltip, /stopped: The native engine for linux-x64 is missing: reinstall MatCoder/);
    });

    it('explains it, with what to do', async () => {
      await vscode.editor.openPicker('MatCoder: Why No Suggestion?');
      const rows = await vscode.editor.pickerRows();
      await vscode.editor.screenshot('no-engine-why.png');
      assert.match(rows[0], /The engine of this platform is not there, .*linux-x64 is missing: reinstall MatCoder/);
      assert.ok(rows.some((row) => row.startsWith('Copy Diagnostics')));
      await vscode.editor.press('Enter');
      await vscode.editor.dialog(/reinstall MatCoder, or run/);
      await vscode.editor.screenshot('no-engine-dialog.png');
      await vscode.editor.answer('OK');
    });

    it('copies diagnostics that say so, without the paths of this machine', async () => {
      const { page } = vscode.editor;
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      await vscode.editor.run('MatCoder: Copy Diagnostics');
      await vscode.editor.notification('the diagnostics are on the clipboard');
      const text = await page.evaluate(() => navigator.clipboard.readText());
      assert.match(text, /^### Versions\n\n- MatCoder \d+\.\d+\.\d+, package for no platform\n/);
      assert.match(
        text,
        /^- state: failed: The native engine for linux-x64 is missing: .* Looked at <path> and <path>\./m,
      );
      for (const path of [vscode.workspace, vscode.profile.data, vscode.profile.extensions, tmpdir(), homedir()]) {
        assert.ok(!text.includes(path), `${path} is in:\n${text}`);
      }
    });

    it('says the same if one tries the sample', async () => {
      await vscode.editor.run('MatCoder: Try It on a Sample');
      const rows = await vscode.editor.pickerRows();
      assert.match(rows[0], /The native engine for linux-x64 is missing/);
    });
  },
);
