import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeVSCode, pinned } from './vscode.mjs';
import { until } from './wait.mjs';

/** Nothing like it is in the sample project or in a model. */
const idiom = "quorumOf(readings, { calibrate: 'zephyr', floor: 17 })";
const nextDoor = ['wind', 'rain', 'snow']
  .map((name) => `export function ${name}Quorum(readings: readonly Reading[]): number {\n  return ${idiom};\n}\n`)
  .join('\n');

/** A function that begins like those next door. */
const begun = {
  path: 'src/statistics.ts',
  below: "return summarizeQuantity(readings, 'humidity');",
  skipLines: 1,
  typed: '\nexport function fogQuorum(readings: readonly Reading[]): number {\nreturn quorumOf(',
};
const rest = idiom.slice(idiom.indexOf('(') + 1, -1);

/** What the log says that the memory knows, oldest first. */
function known({ log }) {
  return [...log.text().matchAll(/workspace memory: (.*)/g)].map(([, line]) => line);
}

/** How many files it knows. */
function count(vscode) {
  return Number.parseInt(known(vscode).at(-1), 10);
}

/** Without snippets in the prompt, only the memory can know other files. */
const settings = {
  ...pinned,
  'matcoder.manualOnly': true,
  'matcoder.relatedFiles': false,
  'editor.autoClosingBrackets': 'never',
};

/** Asks by hand until a suggestion satisfies a condition. */
function suggestion(vscode, what, isIt) {
  return until(what, async () => {
    await vscode.editor.askForSuggestion();
    const text = await vscode.editor.awaitGhostText(10_000).catch(() => '');
    return isIt(text);
  });
}

describeVSCode('The memory of the workspace', { settings }, (vscode) => {
  it('knows the files of the project', async () => {
    const line = await until('the memory to know the project', () => known(vscode).at(-1));
    assert.match(line, /^\d+ files, \d+ kB/);
  });

  it('completes with the idiom of a file next door, as soon as that is written', async () => {
    const before = count(vscode);
    writeFileSync(join(vscode.workspace, '.matcoderignore'), '# nothing yet\n');
    writeFileSync(join(vscode.workspace, 'src', 'quorum.ts'), nextDoor);
    await until('both new files to be known', () => count(vscode) === before + 2);
    await vscode.editor.openFile(begun.path);
    await vscode.editor.typeBelow(begun);
    await suggestion(vscode, 'the idiom', (text) => text.includes(rest));
  });

  it('does not follow symbolic links that come into being', async () => {
    const before = count(vscode);
    const outside = mkdtempSync(join(tmpdir(), 'matcoder-outside-'));
    try {
      for (const name of ['a.ts', 'b.ts']) writeFileSync(join(outside, name), `export const ${name[0]} = 1;\n`);
      symlinkSync(outside, join(vscode.workspace, 'folder'));
      symlinkSync(join(outside, 'a.ts'), join(vscode.workspace, 'src', 'link.ts'));
      writeFileSync(join(vscode.workspace, 'src', 'later.ts'), 'export const later = 1;\n');
      await until('the file to be known', () => count(vscode) > before);
      // What the links lead to would be read by then.
      await new Promise((resolve) => setTimeout(resolve, 2000));
      assert.equal(count(vscode), before + 1);
    } finally {
      rmSync(outside, { recursive: true });
    }
  });

  it('forgets a file that .matcoderignore lists', async () => {
    const before = count(vscode);
    writeFileSync(join(vscode.workspace, '.matcoderignore'), 'quorum.ts\n');
    await until('the file to be forgotten', () => count(vscode) === before - 1);
    await vscode.editor.press('Escape');
    await suggestion(vscode, 'something else', (text) => !text.includes('zephyr'));
  });

  it('forgets everything when it is turned off', async () => {
    mkdirSync(join(vscode.workspace, '.vscode'), { recursive: true });
    const file = join(vscode.workspace, '.vscode', 'settings.json');
    writeFileSync(file, JSON.stringify({ 'matcoder.workspaceMemory': false }));
    await until('the memory to be off', () => known(vscode).at(-1) === 'off');
  });
});

describeVSCode('If the memory is off', { settings: { ...settings, 'matcoder.workspaceMemory': false } }, (vscode) => {
  it('no other file is read', async () => {
    writeFileSync(join(vscode.workspace, 'src', 'quorum.ts'), nextDoor);
    await vscode.editor.openFile(begun.path);
    await vscode.editor.typeBelow(begun);
    await vscode.editor.askForSuggestion();
    await until('an answer', () => vscode.log.requests().length > 0);
    assert.doesNotMatch(await vscode.editor.ghostText(), /zephyr/);
    assert.deepEqual(known(vscode), []);
  });
});
