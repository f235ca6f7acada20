import assert from 'node:assert/strict';
import { describeVSCode } from './vscode.mjs';
import { until } from './wait.mjs';

/** Where the sample project says what comes next: a function like the three above it. */
const file = 'src/statistics.ts';
const lastFunction = "return summarizeQuantity(readings, 'humidity');";
const beginning = 'export function summarizeWind';

describeVSCode('Completions', {}, (vscode) => {
  const shownText = () => vscode.editor.awaitGhostText();

  before('go to the end of the file', async () => {
    await vscode.editor.openFile(file);
    await vscode.editor.goToEndOf(file, lastFunction);
    await vscode.editor.press('ArrowDown');
    await vscode.editor.press('End');
    await vscode.editor.type('\n\n');
  });

  it('appear as ghost text while one types', async () => {
    await vscode.editor.type(beginning);
    const ghost = await shownText();
    assert.match(ghost, /\w/);
    await vscode.editor.screenshot('ghost-text.png');
  });

  it('stay while one types along, and are not decoded anew', async () => {
    const ghost = await shownText();
    const decodes = vscode.log.decodes();
    const typed = ghost.slice(0, 3);
    await vscode.editor.type(typed, 150);
    await until(`"${ghost.slice(3)}" to stay`, async () => (await vscode.editor.ghostText()) === ghost.slice(3));
    const reused = () => vscode.log.requests().some(({ outcome }) => outcome.startsWith('reused'));
    await until('the log to tell of a reused completion', reused);
    assert.equal(vscode.log.decodes(), decodes);
  });

  it('go into the document with Tab, exactly as shown', async () => {
    const before = await vscode.editor.save(file);
    const ghost = await shownText();
    await vscode.editor.press('Tab');
    await until('the ghost text to become text', async () => !(await vscode.editor.ghostText()).startsWith(ghost));
    assert.equal(await vscode.editor.save(file), `${before.trimEnd()}${ghost}\n`);
  });

  it('leave with Escape', async () => {
    await vscode.editor.type('\n\nexport function ');
    await shownText();
    await vscode.editor.press('Escape');
    await until('the ghost text to go', async () => !(await vscode.editor.ghostText()));
  });

  it('show in the status bar by which size and how fast they came', async () => {
    await vscode.editor.awaitStatus(/^(XS|S|M|L|XL) \d+ ms$/);
    assert.match(await vscode.editor.statusTooltip(), /ms/);
    await vscode.editor.hoverStatus();
    await vscode.editor.screenshot('status-bar.png');
  });

  it('ask nothing of any other machine', () => {
    assert.deepEqual(vscode.browser.outside, []);
  });
});
