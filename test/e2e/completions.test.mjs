import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { matching } from './matching.mjs';
import { oneMoreSignature } from './places.mjs';
import { describeVSCode, pinned } from './vscode.mjs';
import { until } from './wait.mjs';

describeVSCode('Completions', { settings: pinned }, (vscode) => {
  before('open a file', () => vscode.editor.openFile(oneMoreSignature.path));

  it('appear as ghost text while the user types', async () => {
    await vscode.editor.typeBelow(oneMoreSignature);
    assert.match(await vscode.editor.awaitGhostText(), /\w{3}/);
  });

  it('stay while their text is typed, and are not decoded again', async () => {
    const ghost = await vscode.editor.awaitGhostText();
    const earlier = vscode.log.requests().length;
    await vscode.editor.typeAnswered(ghost.slice(0, 3), vscode.log);
    const rest = ghost.slice(3);
    await until(`"${rest}" to stay`, async () => (await vscode.editor.ghostText()) === rest);
    for (const { id, outcome } of vscode.log.answersAfter(earlier)) {
      assert.match(outcome, /^reused, typed as suggested/, `request ${id}`);
    }
  });

  it('disappear with Escape', async () => {
    await vscode.editor.press('Escape');
    await until('the ghost text to go', async () => !(await vscode.editor.ghostText()));
  });

  it('are inserted with Tab exactly as shown', async () => {
    await vscode.editor.revert();
    await vscode.editor.typeBelow(oneMoreSignature);
    await vscode.editor.awaitGhostText();
    const before = await vscode.editor.save(oneMoreSignature.path);
    const ghost = await vscode.editor.awaitGhostText();
    await vscode.editor.press('Tab');
    await until('the ghost text to become text', async () => (await vscode.editor.ghostText()) !== ghost);
    const after = await vscode.editor.save(oneMoreSignature.path);
    const cursor = before.indexOf(oneMoreSignature.typed) + oneMoreSignature.typed.length;
    assert.equal(after, before.slice(0, cursor) + ghost + before.slice(cursor));
  });

  it('connect to no other machine', () => {
    assert.deepEqual(vscode.browser.outside, []);
  });
});

const auto = { settings: { ...pinned, 'matcoder.submodel': 'auto' } };
describeVSCode('The status bar', auto, (vscode) => {
  it('shows the size and the latency of a completion, and the reason for the size', async () => {
    await vscode.editor.openFile(oneMoreSignature.path);
    await vscode.editor.typeBelow(oneMoreSignature);
    await vscode.editor.askForSuggestion();
    await vscode.editor.awaitGhostText();
    await vscode.editor.awaitStatus(matching('^(XS|S|M|L|XL)\\+? TIME$'));
    const tooltip = await vscode.editor.hoverStatus();
    await vscode.editor.screenshot('status-bar.png');
    assert.match(tooltip, /MatCoder: ready, /);
    assert.match(tooltip, /Model size: Auto/);
    assert.match(tooltip, /Workspace memory: \d+ files, \d+ kB/);
    assert.match(tooltip, matching('Last: .+ in TIME \\(.*(typing|pause|asked).*\\)'), 'why this size');
    assert.match(tooltip, /Today\s+Median\s+95%\s+Accepted/, 'percentiles by size');
    assert.match(tooltip, matching('^(XS|S|M|L|XL)\\+?\\s+TIME\\s+TIME', 'm'));
    assert.match(tooltip, /Accepted .*keystrokes? saved/);
    assert.match(tooltip, /Auto read \d+% fewer weight bytes than XL/);
    assert.match(tooltip, /Power: (mains|battery|unknown)/);
    assert.match(tooltip, /Processor: (unknown|\d+% used by other programs)/);
  });
});

describeVSCode('With much text below', { settings: { ...pinned, 'matcoder.manualOnly': true } }, (vscode) => {
  const path = 'src/long.ts';

  before('make and open a file', async () => {
    const text = readFileSync(join(vscode.workspace, oneMoreSignature.path), 'utf8');
    const more = Array.from({ length: 100 }, (_, i) => `export const limit${i} = ${i * 7};\n`).join('');
    writeFileSync(join(vscode.workspace, path), `${text}\n${more}`);
    await vscode.editor.openFile(path);
  });

  it('a completion stays while its text is typed, with a bracket that the editor closes', async () => {
    await vscode.editor.typeBelow({ ...oneMoreSignature, path });
    await vscode.editor.askForSuggestion();
    const ghost = await vscode.editor.awaitGhostText();
    assert.match(ghost, /^Summary \{\n/);
    const earlier = vscode.log.requests().length;
    const [typed] = ghost.split('\n');
    await vscode.editor.typeAnswered(typed, vscode.log);
    for (const { id, outcome } of vscode.log.answersAfter(earlier)) {
      assert.match(outcome, /^reused, typed as suggested/, `request ${id}`);
    }
    assert.notEqual(await vscode.editor.awaitGhostText(), '', 'the rest is still there');
  });
});

describeVSCode(
  'If completions while typing are off',
  { settings: { ...pinned, 'matcoder.enabled': false } },
  (vscode) => {
    it('nothing appears by itself', async () => {
      await vscode.editor.openFile(oneMoreSignature.path);
      await vscode.editor.typeBelow(oneMoreSignature);
      await until('a request to be gated', () =>
        vscode.log.requests().some(({ outcome }) => outcome.startsWith('gated')),
      );
      assert.equal(await vscode.editor.ghostText(), '');
      assert.ok(!/decoded\)/.test(vscode.log.text()), 'nothing was decoded');
    });

    it('one that is asked for comes nevertheless, and spans several lines', async () => {
      await vscode.editor.askForSuggestion();
      const ghost = await vscode.editor.awaitGhostText();
      await vscode.editor.screenshot('ghost-text.png');
      assert.match(ghost, /\{\n {2}\S/);
    });
  },
);
