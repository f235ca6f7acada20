import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readOnce } from '../../../../src/engine/shared/readOnce';
import { temporaryFolder } from '../../../temporary';

describe('a file that will be loaded', () => {
  const file = join(temporaryFolder(), 'weights');
  writeFileSync(file, Buffer.alloc(10_000_000));

  it('is read to its end if it is large, piece by piece', async () => {
    let pieces = 0;
    assert.equal(await readOnce(file, () => pieces++, 1_000_000), 10_000_000);
    assert.ok(pieces >= 3, `${pieces} pieces of 4 MB`);
  });

  it('is not read if it is small or missing', async () => {
    assert.equal(await readOnce(file), 0);
    assert.equal(await readOnce(`${file}.missing`), 0);
  });
});
