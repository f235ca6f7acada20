import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { must, root } from '../../scripts/lib/run.mjs';
import { oneMoreSignature } from './places.mjs';
import { installExtension } from './profile.mjs';
import { describeVSCode, pinned } from './vscode.mjs';
import { until } from './wait.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const vsce = join(root, 'node_modules', '@vscode', 'vsce', 'vsce');

/** The same words as at the place. */
const alike = `export function summarizeWind(readings: readonly Reading[]): Summary | undefined {
  return summarizeQuantity(readings, 'wind');
}
`;

/** Makes an extension whose file system, by the scheme memfs, holds the sample project. */
async function makeMemoryFiles(profile) {
  const folder = mkdtempSync(join(tmpdir(), 'matcoder-memfs-'));
  try {
    cpSync(join(here, 'memfs'), folder, { recursive: true });
    const project = join(folder, 'files', 'project');
    cpSync(join(root, 'examples'), project, { recursive: true });
    writeFileSync(join(project, '.gitignore'), 'src/product.ts\n');
    writeFileSync(join(project, '.matcoderignore'), '# nothing yet\n');
    for (const [name, text] of [
      ['wind', alike],
      ['product', readFileSync(join(project, 'src', 'statistics.ts'))], // nothing is more like it
    ]) {
      writeFileSync(join(project, 'src', `${name}.ts`), text);
    }
    const packagePath = join(folder, 'memfs.vsix');
    const args = ['package', '--no-dependencies', '--skip-license', '--out', packagePath];
    await must(process.execPath, [vsce, ...args], { cwd: folder });
    await installExtension(profile, packagePath);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function openInMemory({ editor }, path) {
  await editor.run('Open File in Memory');
  await editor.answerBox(`/project/${path}`);
  await editor.awaitFile(path);
}

/** The files that were quoted in the prompts so far. */
function quoted({ log }) {
  return log.requests().flatMap(({ outcome }) => / with snippets from (.+)$/.exec(outcome)?.[1].split(', ') ?? []);
}

const settings = { ...pinned, 'matcoder.manualOnly': true };

describeVSCode(
  'A workspace that is on no disk',
  { settings, prepare: makeMemoryFiles, address: 'memfs:/project' },
  (vscode) => {
    it('is completed, and the files next to the active one are read, unless Git ignores them', async () => {
      await openInMemory(vscode, oneMoreSignature.path);
      await vscode.editor.typeBelow(oneMoreSignature);
      await until('a request that quotes', async () => {
        await vscode.editor.askForSuggestion();
        await vscode.editor.awaitGhostText();
        return quoted(vscode).includes('src/wind.ts');
      });
      assert.doesNotMatch(vscode.log.text(), /product\.ts/);
    });

    it('is remembered as far as it is open, because its other files may be far away', async () => {
      await until('the file to be known', () => /workspace memory: 1 file,/.test(vscode.log.text()));
      assert.match(vscode.log.text(), /knows only open files of project, because it is not on a disk \(memfs\)/);
    });

    it('is followed in its .matcoderignore', async () => {
      await openInMemory(vscode, '.matcoderignore');
      await vscode.editor.press('Control+A');
      await vscode.editor.type('src/report.ts');
      await vscode.editor.press('Control+S');
      await openInMemory(vscode, 'src/report.ts');
      const earlier = vscode.log.requests().length;
      await until('a request that is refused', async () => {
        await vscode.editor.askForSuggestion();
        return vscode.log.answersAfter(earlier).some(({ outcome }) => /\.matcoderignore lists the file/.test(outcome));
      });
    });
  },
);

describeVSCode('In a window whose files are on another machine', { settings, prepare: makeMemoryFiles }, (vscode) => {
  const setKind = async (kinds) => {
    const file = join(vscode.profile.data, 'User/settings.json');
    const changed = {
      ...JSON.parse(readFileSync(file, 'utf8')),
      'remote.extensionKind': { 'matcoder.matcoder': kinds },
    };
    writeFileSync(file, JSON.stringify(changed));
    await vscode.editor.reload();
  };

  it('the tooltip names the machine on which the engine runs', async () => {
    assert.match(await vscode.editor.hoverStatus(), /The engine runs on the remote machine \(.+\), next to your files/);
  });

  it('a browser has no choice, and the command says so', async () => {
    await vscode.editor.run('MatCoder: Choose Where the Engine Runs');
    await vscode.editor.notification('a browser cannot start the engine');
  });

  it('VS Code follows its setting remote.extensionKind', async () => {
    const { page } = vscode.editor;
    const own = page.locator('[id="matcoder.matcoder.matcoder.status"]');
    const other = page.locator('[id="matcoder-test.memfs.memfs"]');
    await setKind(['ui']); // a browser has no such side
    await other.waitFor({ timeout: 60_000 });
    await until('MatCoder’s commands to be gone', async () => !(await vscode.editor.hasCommand('MatCoder: Show Log')));
    assert.equal(await own.count(), 0);

    await setKind(['workspace']);
    await own.waitFor({ timeout: 60_000 });
    assert.match(await vscode.editor.hoverStatus(), /The engine runs on the remote machine/);
  });
});
