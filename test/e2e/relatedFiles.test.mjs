import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { oneMoreSignature } from './places.mjs';
import { describeVSCode, pinned } from './vscode.mjs';
import { until } from './wait.mjs';

/** The same words as at the place. */
const alike = `export function summarizeWind(readings: readonly Reading[]): Summary | undefined {
  return summarizeQuantity(readings, 'wind');
}
`;

/** The files that were quoted in the prompts so far. */
function quoted({ log }) {
  return log.requests().flatMap(({ outcome }) => / with snippets from (.+)$/.exec(outcome)?.[1].split(', ') ?? []);
}

// Suggestions come by hand only: one that is typed along would keep later prompts from being made.
const manual = { ...pinned, 'matcoder.manualOnly': true };

describeVSCode('Other files', { settings: manual }, (vscode) => {
  before('are in the folder', () => {
    writeFileSync(join(vscode.workspace, '.gitignore'), 'src/product.ts\n');
    // The workspace is a part of a repository.
    mkdirSync(join(vscode.workspace, '..', '.git'));
    writeFileSync(join(vscode.workspace, '..', '.gitignore'), 'local.ts\n');
    const inSource = (name) => join(vscode.workspace, 'src', name);
    for (const ignored of ['local.ts', 'product.ts']) {
      copyFileSync(inSource('statistics.ts'), inSource(ignored)); // nothing is more like it
    }
    writeFileSync(inSource('wind.ts'), alike);
  });

  it('are read next to the active file, unless Git ignores them', async () => {
    await vscode.editor.openFile(oneMoreSignature.path);
    await vscode.editor.typeBelow(oneMoreSignature);
    await until('a request that quotes', async () => {
      await vscode.editor.askForSuggestion();
      await vscode.editor.awaitGhostText();
      return quoted(vscode).includes('src/wind.ts');
    });
    assert.doesNotMatch(vscode.log.text(), /product\.ts|local\.ts/);
  });
});

describeVSCode(
  'If other files are not to be read',
  { settings: { ...manual, 'matcoder.relatedFiles': false } },
  (vscode) => {
    it('none is', async () => {
      writeFileSync(join(vscode.workspace, 'src', 'wind.ts'), alike);
      await vscode.editor.openFile(oneMoreSignature.path);
      await vscode.editor.typeBelow(oneMoreSignature);
      await vscode.editor.askForSuggestion();
      await vscode.editor.awaitGhostText();
      assert.deepEqual(quoted(vscode), []);
    });
  },
);
