import assert from 'node:assert/strict';
import { whyNotSearched } from '../../../../src/ui/search/whyNotSearched';

describe('a window', () => {
  for (const [schemes, why] of [
    [[], 'no folder'],
    [['file'], undefined],
    [['vscode-vfs', 'file'], undefined],
    [['vscode-vfs'], 'no disk'],
    [['vscode-remote'], 'other machine'],
  ] as const)
    it(`with folders at [${schemes.join(', ')}] ${why === undefined ? 'is searched' : `is not searched: ${why}`}`, () => {
      assert.equal(whyNotSearched(schemes), why);
    });
});
