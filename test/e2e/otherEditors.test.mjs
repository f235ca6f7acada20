import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { describeVSCode, pinned } from './vscode.mjs';
import { until } from './wait.mjs';

const run = promisify(execFile);
/** Another editor starts the command where Node.js may not be. */
const env = { ...process.env, PATH: '' };
const LOOP = 'for (let i = 0; i < items.length; ';

describeVSCode('The command for other editors', { settings: pinned }, (vscode) => {
  let command;

  it('is put on the clipboard by a command of the palette, which says what to do with it', async () => {
    const { page } = vscode.editor;
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await vscode.editor.run('MatCoder: Copy Command for Other Editors');
    const { text } = await vscode.editor.notification('the command for other editors is on the clipboard');
    command = await page.evaluate(() => navigator.clipboard.readText());
    assert.ok(text.includes(command), text);
  });

  it('tells its version', async () => {
    const { stdout } = await run(command, ['--version'], { env });
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });

  it('completes in a file', async () => {
    const file = join(vscode.workspace, 'loop.ts');
    writeFileSync(file, LOOP);
    const { stdout } = await run(command, ['complete', `${file}:1:${LOOP.length + 1}`, '--submodel', 'XL'], { env });
    assert.match(stdout, /^(?:i\+\+|\+\+i|\+\+)\)/);
  });

  it('serves other editors', async () => {
    const server = spawn(command, ['serve', '--port', '0', '--submodel', 'S', '--eagerness', 'eager'], { env });
    try {
      let base;
      const said = [];
      createInterface(server.stderr).on('line', (line) => {
        said.push(line);
        base ??= /listening on (http:.*)$/.exec(line)?.[1];
      });
      await until(
        () => `the server to listen; it says ${said.join(' | ') || 'nothing'}`,
        () => base,
      );
      await until('the engine', async () => (await fetch(`${base}/health`)).status === 200);
      const body = JSON.stringify({ input_prefix: LOOP, input_suffix: '\n' });
      const { content } = await (await fetch(`${base}/infill`, { method: 'POST', body })).json();
      assert.match(content, /^(?:i\+\+|\+\+i|\+\+)\)/);
    } finally {
      if (server.exitCode === null && server.signalCode === null) {
        server.kill('SIGINT');
        await once(server, 'exit');
      }
    }
  });
});
