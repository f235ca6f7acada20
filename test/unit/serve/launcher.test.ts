import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { launcherFile, launcherText, refreshLauncher, writeLauncher } from '../../../src/serve/launcher';
import { temporaryFolder } from '../../temporary';

describe('the command for other editors', () => {
  const echo = 'console.log(JSON.stringify([process.env.ELECTRON_RUN_AS_NODE, ...process.argv.slice(2)]))';

  it('runs the command line of the extension with the editor’s program, whatever their paths and the arguments hold', async function () {
    if (process.platform === 'win32') this.skip();
    const storage = temporaryFolder();
    const cli = join(storage, "it's $HOME's `cli`.js");
    writeFileSync(cli, echo);
    const file = await writeLauncher(storage, { program: process.execPath, cli });
    const args = ['lsp', '--model', 'a b', '"$HOME"', ''];
    const { stdout, status } = spawnSync(file, args, { encoding: 'utf8' });
    assert.deepEqual([status, JSON.parse(stdout)], [0, ['1', ...args]]);
  });

  it('says that the extension or the editor has gone, and what to do', async function () {
    if (process.platform === 'win32') this.skip();
    const storage = temporaryFolder();
    const gone = join(storage, 'gone.js');
    for (const launched of [
      { program: process.execPath, cli: gone },
      { program: gone, cli: process.execPath },
    ]) {
      const { stderr, status } = spawnSync(await writeLauncher(storage, launched), ['lsp'], { encoding: 'utf8' });
      assert.equal(status, 1);
      assert.match(stderr, /^matcoder: .* has moved\. Run the command Copy Command for Other Editors there again\.\n$/);
    }
    assert.deepEqual(readdirSync(join(storage, 'bin')), ['matcoder']);
  });

  it('follows an update of the extension, and is not written unless it was asked for', async () => {
    const storage = temporaryFolder();
    const [old, now] = ['1.0', '1.1'].map((version) => ({ program: 'node', cli: `matcoder-${version}/cli.js` }));
    await refreshLauncher(storage, now!);
    assert.throws(() => readFileSync(launcherFile(storage)), /ENOENT/);
    await writeLauncher(storage, old!);
    await refreshLauncher(storage, now!);
    assert.equal(readFileSync(launcherFile(storage), 'utf8'), launcherText(now!));
  });

  it('is a batch file on Windows', () => {
    const text = launcherText({ program: 'C:\\VS Code\\Code.exe', cli: 'C:\\100%\\cli.js' }, 'win32');
    assert.match(text, /^"C:\\VS Code\\Code\.exe" "C:\\100%%\\cli\.js" %\* & exit \/b\r$/m);
    assert.doesNotMatch(text, /chcp/);
    assert.match(launcherFile('s', 'win32'), /matcoder\.cmd$/);

    // The names of users have letters of all languages, and a batch file is read in the code page of the console.
    const home = 'C:\\Users\\Jürgen';
    const own = launcherText({ program: `${home}\\Code.exe`, cli: `${home}\\x\\cli.js` }, 'win32', home);
    assert.match(own, /^"%USERPROFILE%\\Code\.exe" "%USERPROFILE%\\x\\cli\.js" %\*/m);
    assert.match(launcherText({ program: 'D:\\Müll\\Code.exe', cli: 'c.js' }, 'win32', home), /^chcp 65001 >nul\r$/m);
  });
});
