import assert from 'node:assert/strict';
import { type DocumentNow, isStale } from '../../../../src/completion/editor/stale';

describe('a position', () => {
  const requested = { version: 7, line: 2, character: 4 };
  const lines = ['', 'const', 'a = ['];
  const now = (change: Partial<DocumentNow> = {}): DocumentNow => ({
    version: 7,
    isClosed: false,
    lineCount: lines.length,
    lineLength: (line) => lines[line]!.length,
    ...change,
  });
  const cases: [string, DocumentNow, boolean][] = [
    ['is valid while the document is the same', now(), false],
    ['is stale after an edit', now({ version: 8 }), true],
    ['is stale after an edit was undone', now({ version: 9 }), true],
    ['is stale in a document that was closed', now({ isClosed: true }), true],
    ['is stale if its line is gone', now({ lineCount: 2 }), true],
    ['is stale if its line is shorter', now({ lineLength: () => 3 }), true],
    ['is valid at the end of its line', now({ lineLength: () => 4 }), false],
  ];
  for (const [name, document, expected] of cases) {
    it(name, () => {
      assert.equal(isStale(requested, document), expected);
    });
  }
});
