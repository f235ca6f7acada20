import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from '../../scripts/lib/stamp.mjs';

describe('Work with a stamp', () => {
  let folder;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'matcoder-stamp-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is done once for a key, and again for another', async () => {
    const stamp = join(folder, 'inner', 'made-from');
    let done = 0;
    for (const key of ['a', 'a', 'b']) await once(stamp, key, async () => done++);
    assert.equal(done, 2);
  });

  it('is done again if work for another key was interrupted after it had changed the result', async () => {
    const stamp = join(folder, 'made-from');
    let result = '';
    await once(stamp, 'a', async () => (result = 'a'));
    const interrupted = once(stamp, 'b', async () => {
      result = 'half of b';
      throw new Error('interrupted');
    });
    await assert.rejects(interrupted, /interrupted/);
    await once(stamp, 'a', async () => (result = 'a'));
    assert.equal(result, 'a');
  });
});
