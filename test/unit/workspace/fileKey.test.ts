import assert from 'node:assert/strict';
import { fileKey } from '../../../src/workspace/fileKey';
import { FileIds } from '../../../src/workspace/memory/fileIds';

/** Spellings of one file on a system that ignores the case of names, as VS Code writes them in URIs. */
const SAME: Record<string, readonly string[]> = {
  'a drive letter': ['file:///c%3A/work/a.ts', 'file:///C%3A/work/a.ts', 'file:///c:/work/a.ts'],
  'the case of a name': ['file:///c%3A/Work/A.ts', 'file:///c%3A/work/a.TS'],
  'a share': ['file://server/Share/a.ts', 'file://SERVER/share/A.ts'],
  'letters that are not ASCII': ['file:///c%3A/GR%C3%96SSE.ts', 'file:///c%3A/gr%C3%B6sse.ts'],
  'an accent that is a character of its own': ['file:///w/%C3%A9.ts', 'file:///w/e%CC%81.ts'],
  'a blank': ['file:///c%3A/My%20Work/a.ts', 'file:///c%3A/my work/a.ts'],
};

describe('spellings of a file', () => {
  for (const [difference, uris] of Object.entries(SAME)) {
    it(`that differ in ${difference} have one key and one id where case is ignored`, () => {
      assert.equal(new Set(uris.map((uri) => fileKey(uri, true))).size, 1);
      const ids = new FileIds(true);
      assert.deepEqual(
        uris.map((uri) => ids.idOf(uri)),
        uris.map(() => uris[0]),
        'the first that was met',
      );
    });

    it(`that differ in ${difference} are several files where it is not`, () => {
      const ids = new FileIds(false);
      assert.deepEqual(
        uris.map((uri) => ids.idOf(uri)),
        uris,
      );
    });
  }

  it('of different files have different keys', () => {
    const uris = ['file:///c%3A/a.ts', 'file:///d%3A/a.ts', 'file://server/c%3A/a.ts', 'file:///c%3A/b.ts'];
    assert.equal(new Set(uris.map((uri) => fileKey(uri, true))).size, uris.length);
  });

  it('of other schemes stay as they are, because their case may matter', () => {
    for (const uri of ['vscode-remote://wsl%2Bubuntu/home/A.ts', 'untitled:Untitled-1', 'git:/a.ts?%7B%7D']) {
      assert.equal(fileKey(uri, true), uri);
    }
  });

  it('that are no valid encoding have a key too', () => {
    assert.equal(fileKey('file:///c:/100%/A.ts', true), 'file:///c:/100%/a.ts');
  });
});
