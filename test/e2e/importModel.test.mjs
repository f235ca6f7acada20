import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/lib/run.mjs';
import { smollm2 } from '../../scripts/lib/smollm2.mjs';
import { Dashboard } from './dashboard.mjs';
import { matching } from './matching.mjs';
import { describeVSCode, pinned } from './vscode.mjs';
import { until } from './wait.mjs';

/** A file whose next lines a model of general code knows. */
const python = {
  path: 'tools/statistics.py',
  text: `"""Statistics of temperature readings."""


def mean(values):
    """Return the arithmetic mean of the values."""
    return sum(values) / len(values)


def variance(values):
    """Return the variance of the values."""
    center = mean(values)
    return sum((value - center) ** 2 for value in values) / len(values)


def maximum(values):
    """Return the largest of the values."""
# here
`,
};

/** A file of 4,000 characters that is like no other. */
function readings(seed) {
  const body = (i) => {
    const [name, factor] = [`reading_${seed}_${i}`, 3 + ((seed * 7 + i * 5) % 11)];
    return `def ${name}(values):\n    """Return ${factor} times the sum.\"\"\"\n    return ${factor} * sum(values)\n`;
  };
  return Array.from({ length: 45 }, (_, i) => body(i)).join('\n\n');
}

describeVSCode('A model of the user', { settings: { ...pinned, 'files.simpleDialog.enable': true } }, (vscode) => {
  let gguf;
  let dashboard;
  before('have a model, and code to measure it on', async function () {
    this.timeout(300_000); // the model may have to be fetched first
    gguf = await smollm2();
    mkdirSync(join(vscode.workspace, 'tools'));
    writeFileSync(join(vscode.workspace, python.path), python.text);
    dashboard = new Dashboard(vscode.editor);
  });

  /** The folder in which the extension keeps imported models. */
  const library = () => join(vscode.profile.data, 'User/globalStorage/matcoder.matcoder/models');
  const model = (name) => dashboard.section('Imported models').getByRole('region', { name });
  const press = (name, button) => model(name).getByRole('button', { name: button, exact: true }).click();

  const chooseFile = async (path) => {
    await vscode.editor.openPicker('MatCoder: Import Model');
    await vscode.editor.pickByTyping('A file…');
    await vscode.editor.answerFileDialog(path);
  };

  it('that is no model is refused with what to do', async () => {
    const path = join(vscode.workspace, 'broken.gguf');
    writeFileSync(path, 'GGUF and nothing else');
    await chooseFile(path);
    const { text } = await vscode.editor.notification('the model cannot be imported');
    assert.match(text, /broken\.gguf/);
    await vscode.editor.run('Notifications: Clear All Notifications');
    assert.equal(existsSync(library()) && readdirSync(library()).length > 0, false);
  });

  it('is described with what it needs before anything is written', async () => {
    await chooseFile(gguf);
    const box = vscode.editor.page.locator('.monaco-dialog-box');
    await vscode.editor.dialog('Import ');
    const text = await box.innerText();
    await vscode.editor.screenshot('import-question.png');
    assert.match(text, /Llama, 135 million parameters, Q4_1\. Licence: apache-2\.0\./);
    assert.match(text, /completes from the text before the cursor alone/);
    assert.match(text, /4 bits: \d+ MB on the disk, .* of memory, imported in about \d+ s\./);
    assert.match(text, matching('A typical completion will take about TIME here\\. The weights keep their values\\.'));
    assert.equal(existsSync(library()), false);
    await vscode.editor.answer('Import with 4 bits');
  });

  it('gets a name, and is shown with its figures once it is imported, also if no sizes are wanted', async function () {
    this.timeout(300_000);
    await vscode.editor.typeAcceptedInput('SmolLM2');
    await vscode.editor.press('Enter');
    const progress = vscode.editor.page.locator('.notification-toast', { hasText: 'Cancel keeps the model as it is' });
    await progress.waitFor({ timeout: 240_000 });
    await progress.getByRole('button', { name: 'Cancel' }).click();
    await dashboard.section('Imported models').waitFor({ timeout: 240_000 });
    const text = await until('the figures', async () => {
      const shown = await model('SmolLM2').innerText();
      return /Bits per byte/.test(shown) && shown;
    });
    assert.match(text, /Llama, 135 million parameters, 4 bits\. Licence: apache-2\.0\./);
    assert.match(text, /On the disk\s+[\d.]+ MB/);
    assert.match(text, matching('Latency\\s+TIME'));
    assert.match(
      text,
      /Bits per byte\s+\d\.\d{3}\s+on .* of your files; lower is better; MatCoder’s own model has \d\.\d{3}/,
    );
    assert.deepEqual(readdirSync(library()), ['smollm2']);
    assert.deepEqual(
      readdirSync(join(library(), 'smollm2')).filter((name) => /partial|lock/.test(name)),
      [],
    );
    assert.match(text, /Find Smaller Sizes…/);
    await vscode.editor.screenshot('import-page.png');
  });

  it('is used by a button of its own', async () => {
    await press('SmolLM2', 'Use It');
    await until('it to be in use', async () => /It is in use\./.test(await model('SmolLM2').innerText()));
    await until('its engine to be ready', () => /SmolLM2 ready/.test(vscode.log.text()));
  });

  it('completes Python if it is chosen to answer everything', async () => {
    await vscode.editor.openPicker('MatCoder: Choose Model Size');
    await vscode.editor.pick('SmolLM2');
    await vscode.editor.openFile(python.path);
    await vscode.editor.typeBelow({ path: python.path, below: '"""Return the largest', typed: 'return ' });
    await vscode.editor.askForSuggestion();
    const ghost = await vscode.editor.awaitGhostText();
    await vscode.editor.awaitStatus(matching('^SmolLM2 TIME$'));
    await vscode.editor.screenshot('import-python.png');
    assert.equal(ghost, 'max(values)');
    await vscode.editor.press('Escape');
    await vscode.editor.revert();
  });

  it('is in the list with its size on the disk', async () => {
    await vscode.editor.openPicker('MatCoder: Choose Model Size');
    await vscode.editor.pickerRows();
    await vscode.editor.type('Smol');
    const rows = await until('the rows of the model', async () => {
      const found = await vscode.editor.pickerRows();
      return found.length === 2 && found;
    });
    await vscode.editor.screenshot('import-picker.png');
    assert.match(rows[0], /^SmolLM2, current, about .*the imported model: Llama, 135 million parameters, 4 bits/);
    assert.match(rows[1], /^SmolLM2, current, about .*Llama, 135 million parameters, 4 bits, [\d.]+ MB on the disk/);
    await vscode.editor.press('Escape');
  });

  it('is renamed and deleted, with nothing left behind', async () => {
    await dashboard.open();
    await press('SmolLM2', 'Rename…');
    await vscode.editor.typeAcceptedInput('My model');
    await vscode.editor.press('Enter');
    await model('My model').waitFor();
    await press('My model', 'Delete…');
    await vscode.editor.dialog('Delete My model from MatCoder?');
    await vscode.editor.answer('Delete');
    await dashboard.section('Imported models').getByText('No model is imported.').waitFor();
    assert.deepEqual(readdirSync(library()), []);
    assert.ok(existsSync(gguf), 'the file that it was imported from stays');
  });

  it('gets smaller sizes once it is told how long that takes, and each of them can answer everything', async function () {
    this.timeout(300_000);
    // Enough code to look for smaller sizes on, in different files.
    for (let i = 0; i < 6; i++) writeFileSync(join(vscode.workspace, `tools/readings${i}.py`), readings(i));
    const tiny = join(vscode.workspace, 'tiny.gguf');
    execFileSync(process.execPath, ['--import', 'tsx', 'test/writeTinyModel.ts', tiny], { cwd: root });
    await chooseFile(tiny);
    await vscode.editor.dialog('Import ');
    await vscode.editor.answer('Import with 8 bits');
    await vscode.editor.typeAcceptedInput('Tiny');
    await vscode.editor.press('Enter');
    // Measuring takes a minute, and was seen above.
    const progress = vscode.editor.page.locator('.notification-toast', { hasText: 'Cancel keeps the model' });
    await progress.getByRole('button', { name: 'Cancel' }).click({ timeout: 60_000 });
    await press('Tiny', 'Find Smaller Sizes…');
    const box = vscode.editor.page.locator('.monaco-dialog-box');
    await vscode.editor.dialog('Find smaller sizes of Tiny?');
    assert.match(await box.innerText(), /It takes about 4 min/);
    await vscode.editor.answer('Find Sizes');
    await model('Tiny').getByRole('table', { name: 'The sizes of Tiny' }).waitFor({ timeout: 120_000 });
    const rows = await dashboard.rows('Tiny');
    await vscode.editor.screenshot('import-sizes.png');
    assert.ok(rows.length > 1, 'there are smaller ones');
    assert.deepEqual(rows.at(-1).slice(0, 2), ['Tiny', '100%']);
    for (const [name, share, bytes, bits, more, time] of rows) {
      assert.match(name, /^Tiny( [SML])?$/);
      assert.match(
        [share, bytes, bits, more, time].join(' '),
        matching('^\\d+% [\\d.]+ [kM]B \\d\\.\\d{3} \\d+% TIME$'),
      );
    }
    await press('Tiny', 'Use It');
    await until('its engine to be ready', () => /Tiny ready/.test(vscode.log.text()));
    const [[smallest]] = rows;
    await vscode.editor.openPicker('MatCoder: Choose Model Size');
    await vscode.editor.pickerRows();
    await vscode.editor.screenshot('sizes-picker.png');
    await vscode.editor.pick(smallest);
    await vscode.editor.openFile(python.path);
    await vscode.editor.typeBelow({ path: python.path, below: '"""Return the largest', typed: 'return ' });
    await vscode.editor.askForSuggestion();
    await until(`an answer by ${smallest}`, () => vscode.log.text().includes(`${smallest} is fixed in the settings`));
    await vscode.editor.press('Escape');
    await vscode.editor.revert();
  });

  it('has sent nothing to another machine', () => {
    assert.deepEqual(vscode.browser.outside, []);
  });
});
