import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { searchCode } from './codeSearch.mjs';
import { PictureFinder } from './pictureFinder.mjs';
import { describeVSCode, pinned } from './vscode.mjs';

const functionNamed = (name, body) =>
  `/** Opens the vault of the bank. */\nexport function ${name}(code: string): string {\n  ${body}\n  return code;\n}\n`;

/** All files of a folder with their contents, without following links. */
function filesIn(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return Object.fromEntries(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, 'latin1')]));
}

/** A folder that somebody has sent: it may do harm if anything of it is run, loaded, followed or obeyed. */
describeVSCode('The search in a workspace that is not trusted', { trusted: false, settings: pinned }, (vscode) => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'matcoder-e2e-elsewhere-'));
  const ran = join(elsewhere, 'ran');
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    response.end();
  });
  let untouched;

  before('write the workspace', async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${server.address().port}`;
    const { workspace } = vscode;
    const write = (path, text) => {
      mkdirSync(dirname(join(workspace, path)), { recursive: true });
      writeFileSync(join(workspace, path), text);
    };
    const run = `require('node:fs').writeFileSync(${JSON.stringify(ran)}, 'x');`;

    write('src/vault.ts', functionNamed('openVaultHere', `${run} fetch('${url}/code');`));
    writeFileSync(join(elsewhere, 'outside.ts'), functionNamed('openVaultOutside', ''));
    symlinkSync(elsewhere, join(workspace, 'src', 'linked'));
    symlinkSync(join(elsewhere, 'outside.ts'), join(workspace, 'src', 'outside.ts'));
    write('src/key.ts', functionNamed('openVaultWithKey', `const token = 'ghp_${'a1B2'.repeat(9)}';`));
    write('.gitignore', 'private/\n');
    write('private/vault.ts', functionNamed('openVaultIgnored', ''));
    write('zz/last.ts', functionNamed('openVaultLast', ''));
    write(
      'img/vault.svg',
      `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 24 24" onload="fetch('${url}/onload')">` +
        `<script>fetch('${url}/script')</script><style>@import url('${url}/style.css');</style>` +
        `<image href="${url}/image.png" width="9" height="9"/><use xlink:href="${url}/use.svg#a"/><circle cx="12" cy="12" r="9"/></svg>\n`,
    );
    write(
      'package.json',
      JSON.stringify({
        dependencies: { '@iconify-json/vault': '1.0.0' },
        scripts: { postinstall: `node -e "${run}"` },
      }),
    );
    const set = 'node_modules/@iconify-json/vault';
    write(`${set}/package.json`, JSON.stringify({ name: '@iconify-json/vault', version: '1.0.0', main: 'index.js' }));
    write(`${set}/index.js`, run);
    write(
      `${set}/icons.json`,
      JSON.stringify({ prefix: 'vault', icons: { 'vault-door': { body: '<path d="M3 3h18v18H3z"/>' } } }),
    );
    write(
      '.vscode/settings.json',
      JSON.stringify({ 'matcoder.modelPath': elsewhere, 'matcoder.importedModel': elsewhere }),
    );
    untouched = filesIn(workspace);
  });
  after(() => {
    server.close();
    rmSync(elsewhere, { recursive: true });
  });

  it('finds code, but none that is ignored, holds a secret or is elsewhere', async () => {
    const { editor } = vscode;
    await editor.page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).waitFor();
    await editor.run('MatCoder: Search Code by Meaning');
    // This file is read last, so that all others have been read by then.
    await searchCode(vscode, 'open vault last', (row) => row.startsWith('openVaultLast,'));
    const rows = await searchCode(vscode, 'open vault', (row) => row.startsWith('openVaultHere,'));
    assert.deepEqual(
      rows.filter((row) => /openVault(?!Here|Last)/.test(row)),
      [],
    );
    await editor.press('Escape');
  });

  it('finds pictures and icons of packages, and draws them', async () => {
    const finder = new PictureFinder(vscode.editor);
    await finder.open();
    await finder.search('vault');
    assert.deepEqual((await finder.names()).sort(), ['vault', 'vault-door']);
    await finder.awaitThumbnails(2);
    await vscode.editor.press('Escape');
  });

  it('has run nothing, asked for nothing on the network, written nothing and obeyed no setting of the workspace', () => {
    assert.ok(!readdirSync(elsewhere).includes('ran'), 'code of the workspace was run');
    assert.deepEqual(asked, []);
    assert.deepEqual(filesIn(vscode.workspace), untouched);
    assert.ok(!vscode.log.text().includes(elsewhere), 'the log names a folder of the setting');
  });
});
